"""Shows a menu to people: as a chart, a screen as text, and the differences of two menus."""
