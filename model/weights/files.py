"""Names of the files that hold a checkpoint's weights; reads none of them."""

SINGLE_FILE = "model.safetensors"
INDEX_FILE = "model.safetensors.index.json"
PICKLES = ("pytorch_model.bin", "pytorch_model.bin.index.json", "model.pt", "pytorch_model.pt")

# A shell command that takes a folder. It leaves all other files as they are: `save_pretrained` of
# `transformers` 5 writes a config.json with a wrong scale of umT5's logits, and tokenizers that
# have lost features of the originals.
CONVERT = (
    'python -c "import sys; from safetensors.torch import save_file; '
    "from transformers import AutoModelForSeq2SeqLM as Model; "
    "tensors = Model.from_pretrained(sys.argv[1]).state_dict().items(); "
    "once = {v.data_ptr(): (k, v.contiguous().clone()) for k, v in tensors}; "
    f"save_file(dict(once.values()), sys.argv[1] + '/{SINGLE_FILE}', {{'format': 'pt'}})\""
)
