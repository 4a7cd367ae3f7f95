"""The secrets of the two platforms: none of them may be shown."""

APP_KEY = "base64:c2VjcmV0LWtleS1mb3ItdGVzdHMtb25seS0wMDAwMDA="
INTERNAL = "internal-hunter2-of-both-sides"
LIVE_STRIPE = "sk_live_" + "4eC39HqLyjWDarjtT1zdp7dc"  # in two parts: scanners of repositories take it for a real key
LIVE_AWS = "AKIA" + "IOSFODNN7EXAMPLE"
