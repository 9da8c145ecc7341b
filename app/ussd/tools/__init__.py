"""Shows a menu to people: as a chart, as text, and how two menus differ."""
