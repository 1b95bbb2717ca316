"""All cases."""

from tests.hostile.corpus_bodies import CODINGS, LENGTHS
from tests.hostile.corpus_chunks import CHUNKS
from tests.hostile.corpus_heads import LINES, TARGETS
from tests.hostile.corpus_order import ORDER
from tests.hostile.writing import Case

CORPUS: tuple[Case, ...] = (*LENGTHS, *CODINGS, *CHUNKS, *LINES, *TARGETS, *ORDER)
