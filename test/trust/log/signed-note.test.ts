import { createPublicKey, hash, verify } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { formatCheckpoint, openCheckpoint, parseCheckpoint, signCheckpoint } from '../../../src/trust/log/checkpoint.ts'
import { addSignatures, cosign, cosignaturesOf, verifyCosignature } from '../../../src/trust/log/cosignature.ts'
import { SIGNATURE_TYPE, formatVkey, noteKey, noteSigner, parseVkey } from '../../../src/trust/log/note-key.ts'
import { formatNote, formatSignature, parseNote, parseSignature, signText, signersOf } from '../../../src/trust/log/signed-note.ts'

// The worked examples of c2sp.org/signed-note, tlog-checkpoint and tlog-cosignature.
const EXAMPLE_KEY = 'example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k'
const EXAMPLE_NOTE = `This is an example message.

— example.com/foo Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=
`
const EXAMPLE_CHECKPOINT = `example.com/behind-the-sofa
20852163
CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=

— example.com/behind-the-sofa Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=
— witness.example.com/w1 jWbPPwAAAABkGFDLEZMHwSRaJNiIDoe9DYn/zXcrtPHeolMI5OWXEhZCB9dlrDJsX3b2oyin1nPZqhf5nNo0xUe+mbIUBkBIfZ+qnA==
`
const seed = (n: number): Uint8Array => Buffer.alloc(32, n)
const signer = noteSigner('caf/test', seed(1))
const witness = noteSigner('caf/test/local', seed(2), SIGNATURE_TYPE.cosignature)
const head = { size: 3, root: hash('sha256', 'root', 'buffer') }
const refused: unknown = expect.objectContaining({ code: 'PROOF_INVALID' })

describe('signed note', () => {
  it('takes the example of C2SP', () => {
    const key = parseVkey(EXAMPLE_KEY)
    expect(formatVkey(key)).toBe(EXAMPLE_KEY)
    const note = parseNote(EXAMPLE_NOTE)
    expect(note.text).toBe('This is an example message.\n')
    expect(signersOf(note, [key])).toEqual([key])
    expect(formatNote(note)).toBe(EXAMPLE_NOTE)
    expect(() => signersOf({ ...note, text: 'This is another message.\n' }, [key])).toThrow(refused)
  })

  it('reads back what it writes, whatever the text', () => {
    const line = fc.string({ unit: 'grapheme' }).filter(text => !/\p{Cc}/u.test(text))
    fc.assert(fc.property(fc.array(line, { minLength: 1 }), lines => {
      const text = lines.map(each => `${each}\n`).join('')
      const note = formatNote({ text, signatures: [signText(text, signer)] })
      expect(signersOf(parseNote(Buffer.from(note)), [signer.key])).toEqual([signer.key])
      expect(parseNote(note).text).toBe(text)
    }), { seed: 3 })
  })

  it('ignores keys that it does not know, also under a known name', () => {
    const other = noteSigner('caf/test', seed(9))
    const note = { text: 'x\n', signatures: [signText('x\n', other)] }
    expect(signersOf(note, [signer.key])).toEqual([])
    expect(signersOf({ ...note, signatures: [...note.signatures, signText('x\n', signer)] }, [signer.key])).toEqual([signer.key])
  })

  it.each([
    ['nothing', ''], ['no signature', 'text\n\n'], ['no blank line', EXAMPLE_NOTE.replace('\n\n', '\n')], ['no newline at the end', EXAMPLE_NOTE.slice(0, -1)],
    ['a control character', EXAMPLE_NOTE.replace('This', 'Th\u0007s')], ['a carriage return', EXAMPLE_NOTE.replaceAll('\n', '\r\n')], ['a hyphen for the dash', EXAMPLE_NOTE.replace('—', '-')],
    ['unpadded base64', EXAMPLE_NOTE.replace('QM=\n', 'QM\n')], ['base64 with stray bits', EXAMPLE_NOTE.replace('QM=\n', 'QN=\n')], ['URL base64', EXAMPLE_NOTE.replace('+', '-').replace('AlTgK', 'A_TgK')],
    ['a name with a plus', EXAMPLE_NOTE.replace('example.com/foo', 'a+b')], ['a signature of four bytes', EXAMPLE_NOTE.replace(/Uw2QO.*/, 'Uw2QOg==')],
    ['a lone surrogate', EXAMPLE_NOTE.replace('This', '\ud800')], ['101 signatures', EXAMPLE_NOTE + `— n ${'A'.repeat(8)}\n`.repeat(100)], ['a megabyte', `${'x'.repeat(1_000_000)}${EXAMPLE_NOTE}`],
  ])('refuses %s', (_, note) => {
    expect(() => parseNote(note)).toThrow(refused)
  })

  it('refuses bytes that are no UTF-8', () => {
    expect(() => parseNote(Buffer.concat([Buffer.of(0xff), Buffer.from(EXAMPLE_NOTE)]))).toThrow(refused)
  })

  it('takes 100 signatures, and the last blank line as the border', () => {
    const note = parseNote(`a\n\nb\n\n${formatSignature(signText('x\n', signer)).repeat(100)}`)
    expect(note.text).toBe('a\n\nb\n')
    expect(note.signatures).toHaveLength(100)
  })

  it.each([['a+b', 'name'], ['a b', 'space'], ['', 'nothing'], ['a\u00a0b', 'no-break space'], ['a\u2003b', 'em space']])('has no key named %j', name => {
    expect(() => noteKey(name, SIGNATURE_TYPE.ed25519, signer.key.publicKey)).toThrow(expect.objectContaining({ code: 'INVALID_OPTION' }))
  })

  it.each([
    'example.com/foo', EXAMPLE_KEY.replace('530d903a', '530d903b'), EXAMPLE_KEY.replace('530d903a', '530D903A'), EXAMPLE_KEY.slice(0, -4), EXAMPLE_KEY.replace('+Ae', '+Ao'), `${EXAMPLE_KEY}\n`, '+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k',
  ])('refuses the verifier key %j', text => {
    expect(() => parseVkey(text)).toThrow(refused)
  })
})

describe('checkpoint', () => {
  it('takes the example of C2SP', () => {
    const note = parseNote(EXAMPLE_CHECKPOINT)
    const checkpoint = parseCheckpoint(note.text)
    expect(checkpoint).toMatchObject({ origin: 'example.com/behind-the-sofa', size: 20852163, extensions: [] })
    expect(formatCheckpoint(checkpoint)).toBe(note.text)
    expect(note.signatures.map(({ name, id }) => [name, id])).toEqual([['example.com/behind-the-sofa', '033de0ae'], ['witness.example.com/w1', '8d66cf3f']])
  })

  it('is taken from its own log alone', () => {
    const note = signCheckpoint(head, signer)
    expect(openCheckpoint(note, signer.key)).toMatchObject({ origin: 'caf/test', ...head })
    expect(() => openCheckpoint(note, noteSigner('caf/test', seed(3)).key)).toThrow(refused)
    expect(() => openCheckpoint(note, noteSigner('caf/other', seed(1)).key)).toThrow(refused)
    expect(() => openCheckpoint(note.replace('\n3\n', '\n4\n'), signer.key)).toThrow(refused)
  })

  it.each(['caf/test\n3\n', 'caf/test\n03\nX\n', 'caf/test\n-1\nX\n', 'caf/test\n1e3\nX\n', 'caf/test\n9007199254740993\nX\n', '\n3\nX\n', 'caf/test\n3\nX\n\n', 'caf/test\n3\nX', 'caf/test\n3\nAAAA\n'])('refuses %j', text => {
    expect(() => parseCheckpoint(text.replace('X', Buffer.from(head.root).toString('base64')))).toThrow(refused)
  })
})

describe('cosignature', () => {
  const text = formatCheckpoint({ origin: 'caf/test', ...head })

  it('reads the time of the example of C2SP', () => {
    const [, cosignature] = parseNote(EXAMPLE_CHECKPOINT).signatures
    expect(Buffer.from(cosignature!.signature).readBigUInt64BE()).toBe(1679315147n)
  })

  it('signs the message that C2SP writes down', () => {
    const { signature } = cosign(text, witness, 1679315147)
    const der = Buffer.concat([Buffer.from('302a300506032b6570032100', 'hex'), witness.key.publicKey])
    const message = `cosignature/v1\ntime 1679315147\ncaf/test\n3\n${Buffer.from(head.root).toString('base64')}\n`
    expect(signature).toHaveLength(72)
    expect(Buffer.from(signature.subarray(0, 8)).toString('hex')).toBe('00000000641850cb')
    expect(verify(null, Buffer.from(message), createPublicKey({ key: der, format: 'der', type: 'spki' }), signature.subarray(8))).toBe(true)
    const id = hash('sha256', Buffer.concat([Buffer.from('caf/test/local\n\x04'), witness.key.publicKey]), 'hex').slice(0, 8)
    expect(witness.key.id).toBe(id)
  })

  it('counts once for each key, with its newest time', () => {
    const note = addSignatures(parseNote(signCheckpoint(head, signer)), [cosign(text, witness, 5)])
    expect(cosignaturesOf(note, [witness.key, signer.key])).toEqual([{ key: witness.key, time: 5 }])
    const twice = { ...note, signatures: [...note.signatures, cosign(text, witness, 9)] }
    expect(cosignaturesOf(parseNote(formatNote(twice)), [witness.key])).toEqual([{ key: witness.key, time: 9 }])
    expect(addSignatures(note, [cosign(text, witness, 9)]).signatures).toHaveLength(2)
  })

  it('is refused when anything of it changes', () => {
    const signature = cosign(text, witness, 5)
    expect(verifyCosignature(text, witness.key, signature)).toBe(5)
    for (let bit = 0; bit < 72 * 8; bit += 5) {
      const changed = { ...signature, signature: signature.signature.map((byte, at) => at === bit >> 3 ? byte ^ 1 << (bit & 7) : byte) }
      expect(verifyCosignature(text, witness.key, changed)).toBeUndefined()
      expect(() => cosignaturesOf({ text, signatures: [changed] }, [witness.key])).toThrow(refused)
    }
    expect(verifyCosignature(text.replace('\n3\n', '\n4\n'), witness.key, signature)).toBeUndefined()
  })

  it('is not made with the key of a log, nor a checkpoint with one of a witness', () => {
    expect(() => cosign(text, signer, 5)).toThrow(expect.objectContaining({ code: 'INVALID_OPTION' }))
    expect(() => signCheckpoint(head, witness)).toThrow(expect.objectContaining({ code: 'INVALID_OPTION' }))
    expect(() => cosign(text, witness, 1.5)).toThrow(expect.objectContaining({ code: 'INVALID_OPTION' }))
  })

  it('survives one signature line alone', () => {
    const signature = cosign(text, witness, 5)
    expect(parseSignature(formatSignature(signature).trimEnd())).toEqual(signature)
  })
})
