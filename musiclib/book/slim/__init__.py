"""Styles, scripts and fonts of the theme, cut down to what the pages of a site use."""
