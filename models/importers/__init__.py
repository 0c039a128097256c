"""Models from elsewhere made into artifacts: every file is read as data, and what cannot be served exactly is refused.

keras_js.py     a keras-js folder           keras_file.py   a .keras or .h5 file
chain.py        a Keras configuration → its layers, one after another
architecture.py layers → our Network, and where its weights stand
files.py        bounded reading             hdf5.py         weights without links   vocabulary.py   token → id
"""
