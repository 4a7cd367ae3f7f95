"""Synthetic checkout: a customer's path through a shop, tried for real in a browser and cancelled again."""
