"""RFC 7541 as a server must decode it. An error is a connection error of type
COMPRESSION_ERROR (RFC 9113 4.3), because the tables are lost."""
import pytest
from harness import h2_wire as h2
from harness.h2_frames import connect

GET = h2.block(h2.get("/hpack"))


def huffman(text):
    from hpack.huffman import HuffmanEncoder
    from hpack.huffman_constants import REQUEST_CODES, REQUEST_CODES_LENGTH
    return HuffmanEncoder(REQUEST_CODES, REQUEST_CODES_LENGTH).encode(text)


def coded(data):
    """A string literal that says its bytes are Huffman-coded."""
    return h2.integer(len(data), 7, 0x80) + data


def value_of(answer, name):
    return [v for n, v in answer.json()["fields"] if n.lower() == name]


BROKEN = {
    # 6.1, 2.3.3: indices
    "index_0": GET + b"\x80",
    "index_62_of_an_empty_table": GET + h2.indexed(62),
    "index_far_beyond": GET + h2.indexed(100_000),
    "name_index_beyond": GET + h2.integer(70, 6, 0x40) + h2.string("v"),
    "name_index_beyond_without_indexing": GET + h2.integer(70, 4) + h2.string("v"),
    "name_index_beyond_never_indexed": GET + h2.integer(70, 4, 0x10) + h2.string("v"),
    # 4.2, 6.3: table size updates
    "table_size_above_settings": h2.table_size(1 << 20) + GET,
    "table_size_one_above": h2.table_size(4097) + GET,
    "table_size_in_the_middle": GET + h2.table_size(0) + h2.literal("x-a", "1"),
    "table_size_at_the_end": GET + h2.table_size(0),
    # 5.1: integers
    "integer_overflow": GET + b"\xff" + b"\xff" * 20 + b"\x01",
    "integer_of_2_32": GET + b"\xff\xff\xff\xff\xff\x0f",
    "integer_long_zeros": GET + b"\xff" + b"\x80" * 60 + b"\x00",
    "integer_cut": GET + b"\xff",
    "length_overflow": GET + b"\x00\x7f" + b"\xff" * 10 + b"\x01",
    "length_beyond_the_block": GET + b"\x00\x7f\xff\xff\x01" + b"x" * 50,
    # 5.2: strings
    "name_cut": GET + b"\x00\x05abc",
    "value_cut": GET + b"\x00" + h2.string("x-a") + b"\x05ab",
    "no_value": GET + b"\x00" + h2.string("x-a"),
    "padding_of_8_bits": GET + b"\x00" + h2.string("x-a") + coded(huffman(b"value123") + b"\xff"),
    "padding_of_zeros": GET + b"\x00" + h2.string("x-a") + coded(b"\x18"),   # 'a' 00011, then 000
    "padding_not_all_ones": GET + b"\x00" + h2.string("x-a") + coded(b"\x1d"),  # 'a' 00011, then 101
    "eos_in_a_string": GET + b"\x00" + h2.string("x-a") + coded(b"\x1f\xff\xff\xff\xff"),
    "eos_alone": GET + b"\x00" + h2.string("x-a") + coded(b"\xff\xff\xff\xff"),
    "eos_in_a_name": GET + b"\x00" + coded(b"\x1f\xff\xff\xff\xff") + h2.string("v"),
}


@pytest.mark.parametrize("block", BROKEN.values(), ids=BROKEN.keys())
def test_broken(client, behind, block):
    before = behind.mark()
    client.headers(block)
    client.expect_goaway(h2.COMPRESSION_ERROR)
    assert behind.mark() == before


def test_broken_trailers(client):
    stream = client.request(method="POST", end=False)
    client.headers(b"\x80", stream=stream)
    client.expect_goaway(h2.COMPRESSION_ERROR)


def test_broken_block_of_a_closed_stream(client, held):
    """Blocks of streams that are gone are decoded too, or the tables part."""
    stream = client.request("/held")
    client.rst(stream)
    client.send(h2.frame(h2.HEADERS, 5, stream, b"\x80"))
    client.expect_goaway(h2.COMPRESSION_ERROR, h2.STREAM_CLOSED, h2.PROTOCOL_ERROR)


# What must be understood.
def test_static_table(client):
    """:method GET 2, :scheme https 7, :path / 4, :authority by name 1."""
    stream = client.headers(b"\x82\x87\x84" + b"\x01" + h2.string("bakery.test"))
    assert client.answer(stream).json()["target"] == "/"


def test_every_static_field_name(client):
    skipped = {57, 28, 35, 38, 54}  # fields that a GET may not have, or that are judged
    block = GET + b"".join(h2.integer(n, 4) + h2.string("1") for n in range(15, 62) if n not in skipped)
    assert client.answer(client.headers(block)).status in (200, 400, 417)
    client.assert_open()


def test_dynamic_table(client):
    client.answer(client.headers(GET + h2.literal("x-kept", "one", 0x40)))
    answer = client.answer(client.headers(GET + h2.indexed(62)))
    assert value_of(answer, "x-kept") == ["one"]
    answer = client.answer(client.headers(GET + h2.integer(62, 4) + h2.string("two")))
    assert value_of(answer, "x-kept") == ["two"]


def test_entries_are_evicted(client):
    """4.4: 4,096 bytes, 32 more for each entry than its strings."""
    block = GET + b"".join(h2.literal(f"x-{n:04}", "v" * 58, 0x40) for n in range(42))  # 96 bytes each
    client.answer(client.headers(block))
    answer = client.answer(client.headers(GET + h2.indexed(62) + h2.indexed(62 + 41)))
    assert value_of(answer, "x-0041") and value_of(answer, "x-0000")
    client.headers(GET + h2.indexed(62 + 42))
    client.expect_goaway(h2.COMPRESSION_ERROR)


def test_an_entry_larger_than_the_table_empties_it(client):
    client.answer(client.headers(GET + h2.literal("x-kept", "one", 0x40)))
    client.answer(client.headers(GET + h2.literal("x-large", "v" * 5000, 0x40)))
    client.headers(GET + h2.indexed(62))
    client.expect_goaway(h2.COMPRESSION_ERROR)


def test_table_size_0_empties_the_table(client):
    client.answer(client.headers(GET + h2.literal("x-kept", "one", 0x40)))
    client.headers(h2.table_size(0) + GET + h2.indexed(62))
    client.expect_goaway(h2.COMPRESSION_ERROR)


def test_table_size_down_and_up(client):
    client.answer(client.headers(h2.table_size(0) + h2.table_size(4096) + GET + h2.literal("x-kept", "one", 0x40)))
    answer = client.answer(client.headers(GET + h2.indexed(62)))
    assert value_of(answer, "x-kept") == ["one"]


@pytest.mark.parametrize("first", [0x00, 0x10, 0x40], ids=["without", "never", "incremental"])
@pytest.mark.parametrize("value", [b"", b"value", b"a", b"\xe9\xff\x80", b"x" * 3000])
def test_literals(client, first, value):
    answer = client.answer(client.headers(GET + h2.literal("x-literal", value, first)))
    assert value_of(answer, "x-literal") == [value.decode("latin-1")]


@pytest.mark.parametrize("value", [b"a", b"value", b"www.example.com", bytes(range(33, 127)), b"\xe9\xff\x80"])
def test_huffman(client, value):
    answer = client.answer(client.headers(GET + b"\x00" + coded(huffman(b"x-huffman")) + coded(huffman(value))))
    assert value_of(answer, "x-huffman") == [value.decode("latin-1")]


def test_answers_decode_over_many_requests(front):
    """The decoder of the tests is held to the table's size."""
    with connect(front) as client:
        for n in range(60):
            answer = client.get(f"/{n}", more=[("x-n", str(n))])
            assert value_of(answer, "x-n") == [str(n)]
