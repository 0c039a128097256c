"""What every implementation of an interface must hold: a test class to inherit from for each interface."""
