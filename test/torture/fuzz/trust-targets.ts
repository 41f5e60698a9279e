import { createHash } from 'node:crypto'
import { openCheckpoint, parseCheckpoint, signCheckpoint } from '../../../src/trust/log/checkpoint.ts'
import { cosign, cosignaturesOf } from '../../../src/trust/log/cosignature.ts'
import { SIGNATURE_TYPE, formatVkey, noteKey, noteSigner, parseVkey } from '../../../src/trust/log/note-key.ts'
import { formatSignature, parseNote, parseSignature, signersOf } from '../../../src/trust/log/signed-note.ts'
import { decodeBundle, encodeBundle } from '../../../src/trust/log/tile.ts'
import { formatProof, parseProof, verifyProof } from '../../../src/trust/log/tlog-proof.ts'
import { parsePolicy } from '../../../src/trust/policy/parse-policy.ts'
import { formatWitnessRequest, parseWitnessRequest } from '../../../src/trust/witness/witness-request.ts'
import { bytesTarget } from './target.ts'
import type { FuzzTarget } from './target.ts'

const sha256 = (text: string): Buffer => createHash('sha256').update(text).digest()

/** What other people's witnesses and logs send. */
export function trustTargets (): FuzzTarget[] {
  const log = noteSigner('example.com/log', sha256('log'))
  const witness = noteSigner('example.com/witness', sha256('witness'), SIGNATURE_TYPE.cosignature)
  const root = sha256('root')
  const note = signCheckpoint({ size: 5, root }, log)
  const { text } = parseNote(note)
  const cosigned = note + formatSignature(cosign(text, witness, 1_700_000_000)) + '\n'
  const keys = [log.key, witness.key]
  const vkeys = keys.map(formatVkey)
  const proof = formatProof({ extra: sha256('extra'), index: 3, path: [sha256('a'), sha256('b'), sha256('c')], checkpoint: cosigned })
  const policy = `log ${vkeys[0]}\nwitness w ${vkeys[1]} https://example.com/w\ngroup g any w\nquorum g\n`
  const asText = (parse: (input: string) => unknown) => (bytes: Uint8Array) => parse(Buffer.from(bytes).toString())
  return [
    bytesTarget('note', [note, cosigned], bytes => { const parsed = parseNote(bytes); signersOf(parsed, keys); cosignaturesOf(parsed, keys) }),
    bytesTarget('signature', cosigned.split('\n').slice(-3), asText(parseSignature)),
    bytesTarget('verifier key', vkeys, asText(parseVkey)),
    bytesTarget('checkpoint', [text, note, cosigned], bytes => { parseCheckpoint(Buffer.from(bytes).toString()); openCheckpoint(bytes, noteKey(log.key.name, log.key.type, log.key.publicKey)) }),
    bytesTarget('proof', [proof], asText(input => verifyProof(parseProof(input), { hash: sha256('leaf'), log: log.key }))),
    bytesTarget('tile of entries', [encodeBundle([sha256('a'), Buffer.alloc(0), Buffer.alloc(300)])], bytes => decodeBundle(bytes)),
    bytesTarget('policy', [policy], bytes => parsePolicy(bytes)),
    bytesTarget('witness request', [formatWitnessRequest({ oldSize: 2, proof: [sha256('a'), sha256('b')], checkpoint: note })], bytes => parseWitnessRequest(bytes)),
  ]
}
