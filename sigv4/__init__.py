"""AWS Signature Version 4 as S3 speaks it: verifying what clients send, signing what we send.

Pure: no input or output, no clock, no randomness. Time is an argument, the standard library the
only dependency, ``gateway`` and ``backends`` are unknown here. The one state is two bounded caches
(signing keys, parsed credential scopes).

The flow of a verified request::

    mechanism.claim_of(request)        which mechanism, and what does it claim?   ▶ Claim or None
        header.py                      the Authorization header
        presigned.py                   the query of a presigned URL
        payload.py                     the kind of x-amz-content-sha256
    (the caller looks up the secret of ``claim.access_key``)
    verify.verify(request, claim, secret, now=…)                                  ▶ Verified
        canonical.py                   canonical request, string to sign
        keys.py                        the signing key
    stream.ChunkChain(verified)        chunks and trailer of an aws-chunked body, if signed

Whatever fails raises ``refusal.Refusal``, which carries S3's own code, message, status and extra
XML elements. ``claim_of`` has proved nothing yet: only ``verify`` makes a ``Verified``. After a
failure for a known access key ``diagnosis.diagnose`` names the likely cause; it accepts nothing.

``sign.py`` signs and presigns requests to an upstream S3; ``stream.ChunkSigner`` signs chunks.

What does not belong here: access keys and their policy, the aws-chunked framing (bytes ▶ chunks),
hashing of bodies, browser POST forms, rate limits.

How a path is read matters to who uses this: both the path as sent and its canonical encoding are
accepted as signed, because both decode to the same bytes. The caller must therefore percent-decode
the path exactly once, as a whole (``%2F`` is ``/``), leave ``+`` alone in it, never normalise it,
and in a query read ``+`` as a space; it must not act on any encoding it has not decoded so.
"""
