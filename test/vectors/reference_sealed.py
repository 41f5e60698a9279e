#!/usr/bin/env python3
"""Opens and computes the vectors of sealed objects again from docs/format.md alone: no code is shared with the program. Run it in this folder; needs the package cryptography."""
import hashlib, json, struct
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

SEGMENT = 65536

def stream(n): return hashlib.shake_256(b'caf-vector').digest(n)

def head(kind, n): return bytes([kind << 5 | n]) if n < 24 else bytes([kind << 5 | 24, n]) if n < 256 else struct.pack('>BH', kind << 5 | 25, n) if n < 65536 else struct.pack('>BI', kind << 5 | 26, n)

def cbor(value):
    if isinstance(value, int): return head(0, value)
    if isinstance(value, bytes): return head(2, len(value)) + value
    if isinstance(value, str): return head(3, len(value)) + value.encode()
    if isinstance(value, list): return head(4, len(value)) + b''.join(map(cbor, value))
    return head(5, len(value)) + b''.join(cbor(k) + cbor(value[k]) for k in sorted(value, key=lambda k: (len(k), k)))

def padme(n):
    e = n.bit_length() - 1
    unit = 1 << max(0, e - e.bit_length())
    return -(-n // unit) * unit

def sealed(name, content, key, salt, slots, wrap):
    size = padme(max(8 + len(content), 32768 if name.startswith('blobs/') else 4096))
    header = {'key': hashlib.sha256(b'caf/key-id/1' + key).digest()[:16], 'salt': salt, 'size': size, 'v': 1}
    if slots: header['slots'] = slots
    if wrap: header['wrap'] = wrap
    encoded = cbor(header)
    before = b'CAFSEAL1' + struct.pack('<I', len(encoded)) + encoded
    plain = (struct.pack('<Q', len(content)) + content).ljust(size, b'\0')
    gcm = AESGCM(HKDF(hashes.SHA256(), 32, salt, b'caf/seal/1').derive(key))
    pieces = [plain[at:at + SEGMENT] for at in range(0, size, SEGMENT)]
    return before + b''.join(gcm.encrypt(number.to_bytes(12, 'big'), piece, name.encode() + b'\0' + before) for number, piece in enumerate(pieces))

v = json.load(open('sealed-objects.json'))
for n, wanted in v['padme']: assert padme(n) == wanted, (n, padme(n), wanted)
for c in v['objects']:
    stored = sealed(c['name'], stream(c['stream']), bytes.fromhex(v['key']), bytes.fromhex(c['salt']), list(map(bytes.fromhex, c['slots'])), bytes.fromhex(c['wrap']))
    found = (len(stored), stored[:64].hex(), hashlib.sha256(stored).hexdigest())
    assert found == (c['length'], c['begins'], c['sha256']), f"{c['name']}: {found}"
print(f"{len(v['padme']) + len(v['objects'])} vectors agree")
