"""A storage made of storages: each object is on all of them, sooner or later.

What a mirror promises:

- *Writes* count once one member has the bytes (the first that can be asked, in their order), or all
  with ``quorum="all"``. The other members get them from it (``rounds``). A member that is lost before
  that loses the last writes: this is no distributed database.
- *Reads* are of members that are known to hold the current bytes, in their order. One that fails is
  passed over, also in the midst of a body, and rests for a while (``breaker``).
- *Nothing stale is read.* A ledger (``ledger``) knows for each path which member holds its current
  bytes, and by which of the member's fingerprints. A member that missed a write or a deletion is not
  asked for that path until it is repaired; a call of which nobody knows how it ended leaves its member
  unknown, to be looked at.
- *Fingerprints are the mirror's own*: no repair and no failing member changes them.
- *Files of others* on the first member are found as on any storage, and become the mirror's.

Without ``copies`` each object is on one member alone, and the ledger knows on which.

One file each: ``storage`` the verbs, ``member`` one of the storages, ``crew`` all of them, ``abilities`` what they
can together, ``meeting`` getting to know them, ``breaker`` whether one is worth asking, ``ledger`` what is known of
them, ``marking`` what their copies say, ``finding`` who has a path's bytes, ``reading`` readings that go on,
``listing``, ``putting`` writes that count, ``uploads`` in parts, ``body`` what is sent, ``turns`` one writer of a path at a time,
``finishing`` calls that are cancelled, ``refusals`` what surely changed nothing, ``repairing`` one path,
``filling`` a member that lacks its bytes, ``rounds`` all that waits, ``looking`` at what nobody reads.
"""
