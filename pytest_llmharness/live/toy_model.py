"""The toy model: a real GGUF file made on the spot. It tests plumbing, its answers mean nothing.

A llama with two layers whose weights are set by hand. The residual stream holds a constant, two
signals and the current token as a one-hot vector (tokens that nothing follows share one place):

- dimension 0 is a constant no layer writes to, so its output column is an exact logit bias;
- layer 0 has one head that writes dimension 1 where `<tools>` stands anywhere in the context,
  layer 1 one that writes dimension 2 where `<tool_response>` does. The output matrix turns them
  into a tool call that opens the turn, until a result is there;
- the other columns of the output matrix hold the logarithms of bigram counts.

Every number is rounded before it becomes a half float, so the file is the same, byte for byte, on
every machine and at every build.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from . import toy_logits, toy_text, toy_tokens

if TYPE_CHECKING:
    import gguf
    import numpy as np

    Matrix: TypeAlias = np.ndarray[Any, Any]

MODEL = "toy"
"""The name the toy model answers to."""

_CONTEXT = 32768
_HEAD = 32
_CONSTANT, _SEES_TOOLS, _SEES_RESULT, _FIRST_TOKEN = range(4)
_SIGNAL_SIZE = 0.0625
_ATTENTION = 32.0
_EPSILON = 1e-6
_TYPE_NORMAL, _TYPE_CONTROL, _TYPE_USER_DEFINED = 1, 3, 4


def fingerprint() -> str:
    """Name the generator: twelve hex digits that change with any of its source files."""
    digest = hashlib.sha256()
    for module in (toy_text, toy_tokens, toy_logits):
        digest.update(Path(str(module.__file__)).read_bytes())
    digest.update(Path(__file__).read_bytes())
    return digest.hexdigest()[:12]


def build(path: Path) -> None:
    """Write the toy model as a GGUF file.

    Args:
        path: the file to write; what is there is overwritten, and not atomically.

    Raises:
        ImportError: gguf or numpy is not installed.
        OSError: the file cannot be written.
    """
    from gguf import GGUFWriter

    vocabulary = _vocabulary()
    weights = _weights(vocabulary.ids(), toy_logits.logits(vocabulary.tokens))
    writer = GGUFWriter(path, "llama")
    _describe(writer, width=len(weights["output_norm"]))
    _add_vocabulary(writer, vocabulary)
    for name, matrix in weights.items():
        writer.add_tensor(f"{name}.weight", matrix)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def _vocabulary() -> toy_tokens.Vocabulary:
    """Learn every word of the sentences, with and without a space before it."""
    again = (f" {sentence}" for sentence in toy_text.SENTENCES)
    return toy_tokens.learn(
        (*toy_text.SENTENCES, *again, *toy_text.PROMPT_WORDS),
        (*toy_text.CONTROL_TOKENS, *toy_text.TAG_TOKENS),
    )


def _describe(writer: gguf.GGUFWriter, width: int) -> None:
    from gguf import LlamaFileType

    writer.add_name("pytest-llmharness toy (tests plumbing, not answers)")
    writer.add_license("MIT")
    writer.add_file_type(LlamaFileType.MOSTLY_F16)
    writer.add_context_length(_CONTEXT)
    writer.add_embedding_length(width)
    writer.add_block_count(2)
    writer.add_feed_forward_length(_HEAD)
    writer.add_head_count(1)
    writer.add_head_count_kv(1)
    writer.add_key_length(_HEAD)
    writer.add_value_length(_HEAD)
    writer.add_rope_dimension_count(_HEAD)
    writer.add_rope_freq_base(1e10)
    writer.add_layer_norm_rms_eps(_EPSILON)


def _add_vocabulary(writer: gguf.GGUFWriter, vocabulary: toy_tokens.Vocabulary) -> None:
    ids = vocabulary.ids()
    types = [_TYPE_NORMAL] * (len(ids) - vocabulary.specials)
    types += [_TYPE_CONTROL] * len(toy_text.CONTROL_TOKENS)
    types += [_TYPE_USER_DEFINED] * len(toy_text.TAG_TOKENS)
    writer.add_vocab_size(len(ids))
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("gpt-2")
    writer.add_token_list(list(vocabulary.tokens))
    writer.add_token_types(types)
    writer.add_token_merges(list(vocabulary.merges))
    writer.add_bos_token_id(ids["<|endoftext|>"])
    writer.add_eos_token_id(ids[toy_text.END])
    writer.add_pad_token_id(ids["<|endoftext|>"])
    writer.add_add_bos_token(False)
    writer.add_chat_template(toy_text.CHAT_TEMPLATE)


def _weights(ids: dict[str, int], table: toy_logits.Logits) -> dict[str, Matrix]:
    import numpy as np

    watched = {toy_text.TOOLS: _SEES_TOOLS, toy_text.TOOL_RESPONSE: _SEES_RESULT}
    places = {token: _FIRST_TOKEN + index for index, token in enumerate((*watched, *table.rows))}
    elsewhere = _FIRST_TOKEN + len(places)
    width = elsewhere + 1 + -(elsewhere + 1) % 32
    embedding = np.zeros((len(ids), width), np.float16)
    embedding[:, _CONSTANT] = 1
    for token, index in ids.items():
        embedding[index, places.get(token, elsewhere)] = 1
    # Two ones in a row of `width`: the norm multiplies each by this, and its weight undoes it.
    undo = np.full(width, (2.0 / width) ** 0.5, np.float32)
    output = _output(ids, places, table, width)
    weights: dict[str, Matrix] = {"token_embd": embedding, "output": output, "output_norm": undo}
    for layer, (token, signal) in enumerate(watched.items()):
        block = _block(places[token], signal, width)
        weights |= {f"blk.{layer}.{name}": matrix for name, matrix in block.items()}
        weights |= {f"blk.{layer}.{norm}": undo for norm in ("attn_norm", "ffn_norm")}
    return weights


def _block(watched: int, signal: int, width: int) -> dict[str, Matrix]:
    """One layer: a head that looks for a token anywhere before, and writes what it sees."""
    import numpy as np

    query, key, value, out, gate, up, down = (np.zeros((_HEAD, width), np.float16) for _ in range(7))
    # The last pair of dimensions turns slowest: with this base it stands still, wherever the token is.
    query[_HEAD - 2, _CONSTANT] = _ATTENTION
    key[_HEAD - 2, watched] = _ATTENTION / 4
    value[0, watched] = 1
    out[0, signal] = _SIGNAL_SIZE
    return {
        "attn_q": query,
        "attn_k": key,
        "attn_v": value,
        "attn_output": np.ascontiguousarray(out.T),
        "ffn_gate": gate,
        "ffn_up": up,
        "ffn_down": np.ascontiguousarray(down.T),
    }


def _output(ids: dict[str, int], places: dict[str, int], table: toy_logits.Logits, width: int) -> Matrix:
    import numpy as np

    output = np.zeros((len(ids), width), np.float32)
    for token, logit in table.default.items():
        output[ids[token], _CONSTANT] = logit
    for given, row in table.rows.items():
        for token, logit in row.items():
            output[ids[token], places[given]] = logit - table.default[token]
    call = ids[toy_text.TOOL_CALL]
    output[call, _SEES_TOOLS] = toy_logits.SIGNAL / _SIGNAL_SIZE
    output[call, _SEES_RESULT] = -toy_logits.SIGNAL / _SIGNAL_SIZE
    return output.astype(np.float16)
