"""Signs a report's statement and checks the signature: DSSE envelopes with Ed25519 or ECDSA P-256.

https://github.com/secure-systems-lab/dsse, protocol.md. The envelope carries the public key, so
that a change is always noticed; whose key it is, only `--key` at verification can tell. The key's
id is the SHA-256 of its SubjectPublicKeyInfo (DER).
"""

import base64
import hashlib

import msgspec
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import (
    ECDSA,
    SECP256R1,
    EllipticCurvePrivateKey,
    EllipticCurvePublicKey,
)
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
)

from figwatch.validators.errors import ConfigurationError

PAYLOAD_TYPE = "application/vnd.in-toto+json"
PrivateKey = Ed25519PrivateKey | EllipticCurvePrivateKey
PublicKey = Ed25519PublicKey | EllipticCurvePublicKey


class _Signature(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    keyid: str
    sig: str
    public_key: str


class _Envelope(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="camel"):
    payload: str
    payload_type: str
    signatures: list[_Signature]


def private_key(pem: bytes) -> PrivateKey:
    """The signing key of a PEM file without passphrase.

    Raises:
        ConfigurationError: it is none, or of another kind.
    """
    try:
        key = load_pem_private_key(pem, None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        key = None
    if isinstance(key, Ed25519PrivateKey):
        return key
    if isinstance(key, EllipticCurvePrivateKey) and isinstance(key.curve, SECP256R1):
        return key
    raise ConfigurationError(
        "report.key",
        "this is no private key that figwatch can sign with",
        fix="openssl genpkey -algorithm ed25519 -out report-key.pem",
    )


def public_key(pem: bytes) -> PublicKey:
    """The public key of a PEM file (that of a private key, too).

    Raises:
        ConfigurationError: it is none, or of another kind.
    """
    try:
        key = load_pem_public_key(pem)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        return private_key(pem).public_key()
    if isinstance(key, Ed25519PublicKey):
        return key
    if isinstance(key, EllipticCurvePublicKey) and isinstance(key.curve, SECP256R1):
        return key
    raise ConfigurationError(
        "report.key",
        "this is no public key of a kind that figwatch signs with",
        fix="openssl pkey -in report-key.pem -pubout -out report-key.pub.pem",
    )


def key_id(key: PublicKey) -> str:
    """SHA-256 of the key."""
    der = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return hashlib.sha256(der).hexdigest()


def sign(payload: bytes, key: PrivateKey) -> bytes:
    """statement.dsse.json: the envelope around a statement."""
    message = _pae(payload)
    public = key.public_key()
    sig = (
        key.sign(message)
        if isinstance(key, Ed25519PrivateKey)
        else key.sign(message, ECDSA(SHA256()))
    )
    return _encode(_envelope(payload, sig, public))


def signature_fault(envelope: bytes, payload: bytes, expected: PublicKey | None) -> str:
    """What is wrong with the envelope of a statement; empty for nothing. `expected` None: any key
    will do.
    """
    try:
        read = msgspec.json.decode(envelope, type=_Envelope)
        (signature,) = read.signatures
        sig = base64.b64decode(signature.sig, validate=True)
        key = public_key(signature.public_key.encode())
    except (msgspec.DecodeError, UnicodeDecodeError, ValueError, ConfigurationError):
        return "the signature is cut short or was changed"
    # Byte by byte: nothing in the envelope may differ from what was written.
    if envelope != _encode(_envelope(payload, sig, key)):
        return "the envelope of the signature was changed, or is of another statement"
    if not _verifies(key, sig, payload):
        return "the signature does not fit the statement"
    if expected is not None and key_id(expected) != signature.keyid:
        return f"it is signed by another key ({signature.keyid})"
    return ""


def signer(envelope: bytes) -> str:
    """Id of the key that an envelope names; empty where it cannot be read."""
    try:
        return msgspec.json.decode(envelope, type=_Envelope).signatures[0].keyid
    except (msgspec.DecodeError, UnicodeDecodeError, IndexError):
        return ""


def _verifies(key: PublicKey, sig: bytes, payload: bytes) -> bool:
    try:
        if isinstance(key, Ed25519PublicKey):
            key.verify(sig, _pae(payload))
        else:
            key.verify(sig, _pae(payload), ECDSA(SHA256()))
    except InvalidSignature:
        return False
    return True


def _envelope(payload: bytes, sig: bytes, public: PublicKey) -> _Envelope:
    pem = public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    signature = _Signature(key_id(public), base64.b64encode(sig).decode(), pem)
    return _Envelope(base64.b64encode(payload).decode(), PAYLOAD_TYPE, [signature])


def _pae(payload: bytes) -> bytes:
    """DSSE's pre-authentication encoding."""
    kind = PAYLOAD_TYPE.encode()
    return b"DSSEv1 %d %s %d %s" % (len(kind), kind, len(payload), payload)


def _encode(envelope: _Envelope) -> bytes:
    return msgspec.json.format(msgspec.json.encode(envelope), indent=2) + b"\n"
