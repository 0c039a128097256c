"""What weirlog knows: request schema, log formats, tokenizer, network, engines, artifact, training.

TensorFlow is imported only by the files that define or train networks and by the TensorFlow engine, always inside a
function: nothing else here loads it.
"""
