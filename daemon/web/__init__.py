"""The HTTP interface: metrics, health, and the page that shows what was found."""
