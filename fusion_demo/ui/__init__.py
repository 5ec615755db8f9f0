"""The page: one file per tab, the theme, text direction."""
