"""How values are said and shown: words, shapes, times and diffs. Knows no model and no page."""
