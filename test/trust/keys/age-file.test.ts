import { execFileSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { Encrypter } from 'age-encryption'
import { unwrapWithIdentities, unwrapWithSecret, wrapForRecipients, wrapWithSecret } from '../../../src/trust/keys/age-file.ts'
import { checkRecipient, newIdentity, parseIdentities, recipientOf } from '../../../src/trust/keys/age-identity.ts'
import { OTHER_SECRET, SECRET } from './secrets.ts'

const onPath = (program: string): boolean => (process.env['PATH'] ?? '').split(delimiter).some(folder => existsSync(join(folder, program)))
const hasAge = onPath('age')
const hasPty = hasAge && onPath('script')
if (!hasAge) process.stderr.write('age files: the stock age is not tried, there is none on the PATH\n')
else if (!hasPty) process.stderr.write('age files: passphrase files are not tried with the stock age, which wants a terminal, and there is no `script` to make one\n')

const payload = Buffer.from('what is inside\n')
let folder: string
beforeAll(async () => { folder = await mkdtemp(join(tmpdir(), 'caf-test-age-')) })
afterAll(async () => { await rm(folder, { recursive: true }) })

/** Answers age's question for the passphrase on a terminal made for it. */
function ageOnTerminal (command: string, answers: readonly string[]): string {
  return execFileSync('script', ['-qec', command, '/dev/null'], { input: answers.map(answer => `${answer}\n`).join(''), encoding: 'utf8', timeout: 30_000 })
}

describe('files for a secret', () => {
  it('open with it, and with no other', async () => {
    const file = await wrapWithSecret(payload, SECRET)
    expect(await unwrapWithSecret(file, SECRET)).toEqual(new Uint8Array(payload))
    expect(await unwrapWithSecret(file, OTHER_SECRET)).toBeUndefined()
    expect(Buffer.from(file).toString('latin1')).toMatch(/^age-encryption\.org\/v1\n-> scrypt \S+ 15\n/)
  })

  it('of the library open with its other work factors; those that are not as they should be count as damaged', async () => {
    const encrypter = new Encrypter()
    encrypter.setPassphrase(SECRET)
    encrypter.setScryptWorkFactor(10)
    const text = Buffer.from(await encrypter.encrypt(payload)).toString('latin1')
    const [stanza = '', salt = ''] = /-> scrypt (\S+) 10\n/.exec(text) ?? []
    const opened = async (line: string): Promise<unknown> => await unwrapWithSecret(Buffer.from(text.replace(stanza, line), 'latin1'), SECRET)
    expect(await opened(stanza)).toEqual(new Uint8Array(payload))
    for (const line of [`-> scrypt ${salt.slice(1)} 10\n`, `-> scrypt ${salt}== 10\n`, `-> scrypt ${salt} 010\n`, `-> scrypt ${salt} 0\n`, `-> scrypt ${salt}\n`, `-> scrypt ${salt} 10 10\n`]) {
      await expect(opened(line), line).rejects.toMatchObject({ code: 'SEAL_BROKEN' })
    }
  })

  it.skipIf(!hasPty)('are opened by the stock age, and its files by us', async () => {
    await writeFile(join(folder, 'ours.age'), await wrapWithSecret(payload, SECRET))
    ageOnTerminal(`age -d -o '${folder}/plain' '${folder}/ours.age'`, [SECRET])
    expect(await readFile(join(folder, 'plain'), 'utf8')).toBe('what is inside\n')
    ageOnTerminal(`age -p -o '${folder}/theirs.age' '${folder}/plain'`, [SECRET, SECRET])
    expect(await unwrapWithSecret(await readFile(join(folder, 'theirs.age')), SECRET, { maxWorkFactor: 18 })).toEqual(new Uint8Array(payload))
  })

  it('are refused before any work when they ask for more than is allowed', async () => {
    const cheap = new Encrypter()
    cheap.setPassphrase(SECRET)
    cheap.setScryptWorkFactor(2)
    const text = Buffer.from(await cheap.encrypt(payload)).toString('latin1')
    for (const factor of ['21', '30', '63', '99999999999', '1e9', '0x20', 'NaN']) {
      const hostile = Buffer.from(text.replace(/ 2\n/, ` ${factor}\n`), 'latin1')
      const before = process.memoryUsage().rss
      await expect(unwrapWithSecret(hostile, SECRET)).rejects.toMatchObject({ code: 'SEAL_BROKEN' })
      expect(process.memoryUsage().rss - before).toBeLessThan(64 * 1024 * 1024)
    }
    await expect(unwrapWithSecret(Buffer.from(text, 'latin1'), SECRET, { maxWorkFactor: 1 })).rejects.toMatchObject({ code: 'SEAL_BROKEN' })
    expect(await unwrapWithSecret(Buffer.from(text, 'latin1'), SECRET)).toEqual(new Uint8Array(payload))
  })
})

describe('files for recipients', () => {
  it('open with the identity of any of them, and with no other', async () => {
    const [one, two, other] = await Promise.all([newIdentity(), newIdentity(), newIdentity()])
    const file = await wrapForRecipients(payload, [await recipientOf(one), await recipientOf(two)])
    expect(await unwrapWithIdentities(file, [one])).toEqual(new Uint8Array(payload))
    expect(await unwrapWithIdentities(file, [other, two])).toEqual(new Uint8Array(payload))
    expect(await unwrapWithIdentities(file, [other])).toBeUndefined()
    expect(await unwrapWithSecret(file, SECRET)).toBeUndefined()
  })

  it.skipIf(!hasAge)('are opened by the stock age, and its files by us', async () => {
    const identity = await newIdentity()
    await writeFile(join(folder, 'identity.txt'), `${identity}\n`)
    await writeFile(join(folder, 'for.age'), await wrapForRecipients(payload, [await recipientOf(identity)]))
    expect(execFileSync('age', ['-d', '-i', join(folder, 'identity.txt'), join(folder, 'for.age')])).toEqual(payload)
    const theirs = execFileSync('age', ['-r', await recipientOf(identity)], { input: payload })
    expect(await unwrapWithIdentities(theirs, [identity])).toEqual(new Uint8Array(payload))
  })

  it('that are damaged anywhere are broken or for nobody, never something else', async () => {
    const identity = await newIdentity()
    const file = Buffer.from(await wrapForRecipients(payload, [await recipientOf(identity)]))
    for (let position = 0; position < file.length; position++) {
      const damaged = Buffer.from(file)
      damaged[position]! ^= 1
      const found = await unwrapWithIdentities(damaged, [identity]).catch((error: unknown) => error)
      expect(found === undefined || (found as { code?: string }).code === 'SEAL_BROKEN').toBe(true)
    }
    for (const length of [0, 1, 21, 22, 100, file.length - 1]) await expect(unwrapWithIdentities(file.subarray(0, length), [identity])).rejects.toMatchObject({ code: 'SEAL_BROKEN' })
  })
})

describe('identities and recipients', () => {
  it('come one a line, with comments', async () => {
    const [one, two] = [await newIdentity(), await newIdentity()]
    expect(await parseIdentities(`# created: today\n# public key: x\n\n${one}\r\n${two}`)).toEqual([one, two])
  })

  it('that are none are refused without being quoted', async () => {
    const identity = await newIdentity()
    const typo = `${identity.slice(0, -1)}${identity.endsWith('Q') ? 'P' : 'Q'}`
    for (const wrong of ['', '# nothing\n', typo, `${identity}X`, 'age-encryption.org/v1']) {
      const error: unknown = await parseIdentities(wrong).catch((reason: unknown) => reason)
      expect(error).toMatchObject({ code: 'INVALID_OPTION' })
      expect(error).not.toHaveProperty('cause')
      if (wrong !== '') expect(String(error)).not.toContain(wrong.trim())
    }
    for (const wrong of [identity, await recipientOf(identity).then(text => text.slice(0, -1)), `age1pq1${'q'.repeat(80)}`, 'ssh-ed25519 AAAA', '']) {
      await expect(checkRecipient(wrong)).rejects.toMatchObject({ code: 'INVALID_OPTION' })
      await expect(wrapForRecipients(payload, [`x${wrong}`])).rejects.not.toHaveProperty('cause')
    }
  })
})
