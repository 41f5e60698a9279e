#!/usr/bin/env python3
"""Computes the vectors again from docs/format.md alone: no code is shared with the program. Run it in this folder."""
import base64, hashlib, json, math, struct

M = 2**64 - 1
rotl = lambda x, b: ((x << b) | (x >> (64 - b))) & M

def sip(key, data):
    k0, k1 = struct.unpack('<QQ', key)
    v = [k0 ^ 0x736f6d6570736575, k1 ^ 0x646f72616e646f6d, k0 ^ 0x6c7967656e657261, k1 ^ 0x7465646279746573]
    def rounds(n):
        for _ in range(n):
            v[0] = v[0] + v[1] & M; v[1] = rotl(v[1], 13) ^ v[0]; v[0] = rotl(v[0], 32)
            v[2] = v[2] + v[3] & M; v[3] = rotl(v[3], 16) ^ v[2]
            v[0] = v[0] + v[3] & M; v[3] = rotl(v[3], 21) ^ v[0]
            v[2] = v[2] + v[1] & M; v[1] = rotl(v[1], 17) ^ v[2]; v[2] = rotl(v[2], 32)
    padded = data + bytes(7 - len(data) % 8) + bytes([len(data) & 255])
    for (word,) in struct.iter_unpack('<Q', padded):
        v[3] ^= word; rounds(2); v[0] ^= word
    v[2] ^= 255; rounds(4)
    return v[0] ^ v[1] ^ v[2] ^ v[3]

GEAR = [int.from_bytes(hashlib.sha256(b'caf-gear' + bytes([i])).digest()[:4], 'big') for i in range(256)]

def byte_cuts(data, sizes):
    bits = int(math.log2(sizes['average'])); ones = lambda n: (2**n - 1) << (32 - n)
    lengths, n, state = [], 0, 0
    for b in data:
        border = False
        if n >= sizes['min']:
            state = ((state << 1) + GEAR[b]) & 0xffffffff
            border = state & ones(bits + 2 if n < sizes['average'] else bits - 2) == 0
        n += 1
        if border or n == sizes['max']:
            lengths.append(n); n = state = 0
    return lengths + [n] if n else lengths

class Link:
    def __init__(self, code, digest): self.raw = bytes([1, code, 0x12, 32]) + digest; self.digest = digest
    def __str__(self): return 'b' + base64.b32encode(self.raw).decode().lower().rstrip('=')

def cbor(v):
    def head(major, n):
        for limit, tag, size in ((24, n, 0), (256, 24, 1), (65536, 25, 2), (2**32, 26, 4), (2**64, 27, 8)):
            if n < limit: return bytes([major << 5 | tag]) + (n.to_bytes(size, 'big') if size else b'')
    if isinstance(v, Link): return b'\xd8\x2a' + cbor(b'\0' + v.raw)
    if isinstance(v, bool): return b'\xf5' if v else b'\xf4'
    if isinstance(v, float): return b'\xfb' + struct.pack('>d', v)
    if isinstance(v, int): return head(0, v)
    if isinstance(v, bytes): return head(2, len(v)) + v
    if isinstance(v, str): return head(3, len(v.encode())) + v.encode()
    if isinstance(v, list): return head(4, len(v)) + b''.join(map(cbor, v))
    items = sorted(v.items(), key=lambda item: (len(item[0].encode()), item[0].encode()))
    return head(5, len(items)) + b''.join(cbor(k) + cbor(x) for k, x in items)

block = lambda v: Link(0x71, hashlib.sha256(cbor(v)).digest())
chunk = lambda data: Link(0x55, hashlib.sha256(data).digest())

def tree(entries, form, seed):
    if form == 'bytes' and len(entries) == 1: return entries[0]['l']
    level = 0
    while True:
        blocks, weight = [[]], 0
        for i, e in enumerate(entries):
            blocks[-1].append(e); weight += len(e.get('k', b'')) + 40 * len(e.get('r', []))
            ends = e['l'].digest[0] < 4 if seed is None else sip(seed, e['k'] + bytes([level + 1])) < 2**58
            if i < len(entries) - 1 and (ends or len(blocks[-1]) == 1024 or weight >= 262144): blocks.append([]); weight = 0
        total = lambda b, m: sum(e.get(m, 0) for e in b)
        above = []
        for b in blocks:
            e = {'l': block({'count': total(b, 'n'), 'entries': b, 'form': form, 'kind': 'tree', 'level': level, 'size': total(b, 's'), 'v': 1}), 's': total(b, 's')}
            if form != 'bytes': e['n'] = total(b, 'n')
            if b and 'k' in b[0]: e['k'] = b[0]['k']
            above.append(e)
        if len(above) == 1: return above[0]['l']
        entries, level = above, level + 1

def stored_bytes(data, sizes):
    entries, at = [], 0
    for n in byte_cuts(data, sizes):
        entries.append({'l': chunk(data[at:at + n]), 's': n}); at += n
    return tree(entries, 'bytes', None)

def stored_row(line, sizes):
    """The row as it is stored, its weight, its plain size and its values."""
    values, refs, plain, lighter = line.split(b'\t'), [], len(line) + 1, 0
    if plain > 65536:
        for i, value in enumerate(values):
            if len(value) > 65536:
                link = stored_bytes(value, sizes)
                text = b'\\@%s:%d' % (str(link).encode(), len(value))
                values[i] = text; refs.append(link); lighter += len(text) - 64
    row = b'\t'.join(values) + b'\n'
    return row, len(row) - lighter, plain, refs

def stored_rows(lines, bits, largest, keyed, seed, sizes):
    rows = [stored_row(line, sizes) for line in lines]
    hashes = [sip(seed, row[0].rstrip(b'\n').split(b'\t')[0]) for row in rows]
    runs, run = [], []
    def split(part):
        if len(part) == 1 or sum(rows[i][1] for i in part) <= largest: return [part]
        least = min(part[:-1], key=lambda i: hashes[i])
        return split(part[:part.index(least) + 1]) + split(part[part.index(least) + 1:])
    if keyed:
        for i in range(len(rows)):
            run.append(i)
            if hashes[i] < 2**(64 - bits): runs += split(run); run = []
        if run: runs += split(run)
    else:
        at = 0
        while at < len(rows):
            border = byte_cuts(b''.join(row[0] for row in rows[at:at + 2000]), sizes)[0]; length = 0
            while at < len(rows) and length < border: run.append(at); length += len(rows[at][0]); at += 1
            runs.append(run); run = []
    entries = []
    for part in runs:
        e = {'l': chunk(b''.join(rows[i][0] for i in part)), 's': sum(rows[i][2] for i in part), 'n': len(part)}
        if keyed: e['k'] = rows[part[0]][0].rstrip(b'\n').split(b'\t')[0]
        refs = []
        for i in part: refs += [r for r in rows[i][3] if str(r) not in map(str, refs)]
        if refs: e['r'] = refs
        entries.append(e)
    root = tree(entries, 'rows', seed if keyed else None)
    digests = sorted(hashlib.sha256(row[0]).digest() for row in rows)
    multiset = b''.join(d + digests.count(d).to_bytes(8, 'big') for i, d in enumerate(digests) if i == 0 or digests[i - 1] != d)
    return root, [len(part) for part in runs], root.digest.hex() if keyed else hashlib.sha256(multiset).hexdigest()

# The inputs, as README.md describes them.
sha = lambda text: hashlib.sha256(str(text).encode()).hexdigest()
stream = lambda n: hashlib.shake_256(b'caf-vector').digest(n)
INPUTS = {
    'rows(2000)': lambda: [f'{i * 3}\t{sha(i) * (i % 5)}' for i in range(2000)],
    'rows(0)': lambda: [],
    'wideRows()': lambda: [f'{i}\t{"x" * (i % 40 * 1000)}' for i in range(100)],
    'longRows()': lambda: ['1\tshort', '2\t' + 'v' * 65536, '3\t' + 'v' * 65537, '4\t' + stream(100000).hex(), '5\t' + 'v' * 65537],
    'heapRows()': lambda: [sha(i % 3000)[:i % 64] for i in range(5000)],
}
load = lambda name: json.load(open(name + '.json'))
checks = 0
def same(found, wanted, what):
    global checks
    checks += 1
    assert found == wanted, f'{what}: {found} is not {wanted}'

v = load('siphash-2-4')
for i, wanted in enumerate(v['outputs']): same(struct.pack('<Q', sip(bytes.fromhex(v['key']), bytes(range(i)))).hex(), wanted, f'siphash {i}')
v = load('byte-borders')
same(hashlib.sha256(b''.join(g.to_bytes(4, 'big') for g in GEAR)).hexdigest(), v['gear']['sha256'], 'gear')
for c in v['cases']:
    data = stream(c['input']['stream']) if 'stream' in c['input'] else bytes(c['input']['zeros'])
    same(byte_cuts(data, c['sizes']), c['lengths'], 'byte borders')
v = load('rows')
for c in v['cases']:
    root, counts, digest = stored_rows([line.encode() for line in INPUTS[c['rows']]()], c['bits'], c.get('largest', 262144), bool(c['key']), bytes.fromhex(v['seed']), c['sizes'])
    same((counts, str(root), digest), (c['chunks'], c['root'], c['hash']), c['rows'])
v = load('blocks')
seed = bytes.fromhex(v['seed'])
def node_map(count): return tree([{'l': block(name), 's': 0, 'n': 1, 'k': name.encode()} for name in (f'pg/object/{i:06}' for i in range(count))], 'map', seed)
for c in v['maps']: same(str(node_map(c['ids'])), c['root'], f'map of {c["ids"]}')
for c in v['streams']: same((str(stored_bytes(stream(c['stream']), c['sizes'])), hashlib.sha256(stream(c['stream'])).hexdigest()), (c['root'], c['hash']), f'stream of {c["stream"]}')
def typed(x):
    if isinstance(x, list): return [typed(y) for y in x]
    if not isinstance(x, dict): return x
    if set(x) == {'bytes'}: return bytes.fromhex(x['bytes'])
    if set(x) == {'link'}:
        raw = base64.b32decode(x['link'][1:].upper() + '=' * (-len(x['link'][1:]) % 8))
        return Link(raw[1], raw[4:])
    return {k: typed(y) for k, y in x.items()}
for kind in ('node', 'snapshot'):
    value = typed(v[kind]['value'])
    same((cbor(value).hex(), str(block(value))), (v[kind]['bytes'], v[kind]['cid']), kind)
print(f'{checks} vectors agree')
