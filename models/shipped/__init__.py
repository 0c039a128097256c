"""The models that come with weirlog, a directory each."""
