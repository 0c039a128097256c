"""Who runs it: command line, configuration, assembly, signals, systemd, metrics, web page."""
