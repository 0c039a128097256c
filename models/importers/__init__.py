"""Models from elsewhere made into artifacts: every file is read as data, and what cannot be served exactly is refused.

Doors: `keras_js` for a keras-js folder, `keras_file` for .keras and .h5. Behind both: `chain` brings a configuration's
layers into their order, `settings` looks at each layer's settings, `architecture` makes our Network of them. `hdf5` has
arrays read in another process, `files` reads within bounds, `vocabulary` makes the tokenizer.
"""
