"""JavaScript and TypeScript as they are written, by their syntax: calls, object literals, what they are worth."""
