"""S3 as we need it: clients, listings in key order, versions, locks. obstore lists and reads; boto3 does the rest."""
