"""Views that belong to no app: live events, theme, component sheet."""
