"""The paid-order guard: a paid order without usable artwork does not go to print, and a person hears of it."""
