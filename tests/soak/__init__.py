"""What proves that nothing is lost: worlds to run weirlog in, and the long runs of `make soak`."""
