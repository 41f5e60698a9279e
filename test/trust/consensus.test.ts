import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createRepository, openRepository } from '../../src/cas/repository.ts'
import type { Repository } from '../../src/cas/repository.ts'
import { BackupEmitter } from '../../src/engine/events.ts'
import type { ValidationFailed } from '../../src/engine/events.ts'
import type { Electorate } from '../../src/engine/electorate.ts'
import { logOrigin } from '../../src/engine/open-log.ts'
import { createSnapshot } from '../../src/engine/snapshot.ts'
import type { CreatedSnapshot } from '../../src/engine/snapshot.ts'
import { listViews } from '../../src/engine/snapshot-view.ts'
import { isBackupError } from '../../src/errors.ts'
import { AgentOutputs } from '../../src/sources/agents/agent-outputs.ts'
import { memoryBackend } from '../../src/storage/memory-backend.ts'
import type { StorageBackend } from '../../src/storage/storage-backend.ts'
import { readLogVkey } from '../../src/trust/keys/log-key.ts'
import { cosign, cosignaturesOf } from '../../src/trust/log/cosignature.ts'
import { leafHash } from '../../src/trust/log/merkle.ts'
import { formatVkey, parseVkey } from '../../src/trust/log/note-key.ts'
import type { NoteKey } from '../../src/trust/log/note-key.ts'
import { leafOfOpening } from '../../src/trust/log/opening.ts'
import { formatSignature } from '../../src/trust/log/signed-note.ts'
import { parseProof, verifyProof } from '../../src/trust/log/tlog-proof.ts'
import { parsePolicy } from '../../src/trust/policy/parse-policy.ts'
import { quorumReached } from '../../src/trust/policy/policy.ts'
import { remoteValidator } from '../../src/trust/remote-validator.ts'
import { MISBEHAVIOURS, startMisbehaving, stoppedValidator } from './misbehaving.ts'
import type { Misbehaving } from './misbehaving.ts'
import { temporaryFolders } from './temporary-folder.ts'
import { startValidator } from './validator-host.ts'
import type { ValidatorHost } from './validator-host.ts'

const newFolder = temporaryFolders()

let folder: string
let backend: StorageBackend
let repository: Repository
let outputs: AgentOutputs
const running: Array<{ close(): Promise<void> }> = []

beforeEach(async () => {
  folder = await newFolder()
  backend = memoryBackend()
  repository = await createRepository(backend)
  outputs = new AgentOutputs()
  outputs.add({ id: 'plan', value: { steps: ['listen', 'answer'] } })
})
afterEach(async () => {
  await Promise.all(running.splice(0).map(async server => { await server.close() }))
  await repository.close()
})

type Asked = Pick<ValidatorHost, 'name' | 'key' | 'url'>

const honest = async (seed: number): Promise<ValidatorHost> => {
  const host = await startValidator(backend, { stateFolder: join(folder, `state-${seed}`), seed })
  running.push(host)
  return host
}
const bad = async (seed: number, how: string): Promise<Misbehaving> => {
  const server = how === 'is down' ? await stoppedValidator(seed) : await startMisbehaving(seed, MISBEHAVIOURS[how]!)
  if (how !== 'is down') running.push(server)
  return server
}
const electorate = (threshold: number, asked: readonly Asked[], options: Partial<Electorate> = {}): Electorate => ({
  policy: parsePolicy([...asked.map(({ name, key, url }) => `witness ${name} ${formatVkey(key)} ${url}`), `group g ${threshold} ${asked.map(({ name }) => name).join(' ')}`, 'quorum g', ''].join('\n')),
  validators: asked.map(remoteValidator),
  ...options,
})
let made = 0
const snapshot = async (who: Electorate, options: { readonly events?: BackupEmitter, readonly project?: string } = {}): Promise<CreatedSnapshot> => {
  outputs.add({ id: `thought-${made++}`, value: 'so it goes' })
  return await createSnapshot(repository, { sources: [outputs], description: 'a test', ...who, ...options })
}
const visible = async (): Promise<string[]> => (await listViews(repository)).map(({ id }) => id)
const statementsOf = async (id: string): Promise<ReadonlyArray<Readonly<Record<string, unknown>>>> => (await repository.visible()).find(commit => commit.id === id)!.statements as Array<Record<string, unknown>>
const logKey = async (): Promise<NoteKey> => parseVkey((await readLogVkey(repository.backend))!)

/** The proof in a commit record, verified as anybody can. */
async function provenCosigners (id: string, asked: readonly Asked[]): Promise<string[]> {
  const text = (await statementsOf(id)).find(statement => 'proof' in statement)!['proof'] as string
  const proof = parseProof(text)
  const { note } = verifyProof(proof, { hash: leafHash(leafOfOpening(proof.extra!)), log: await logKey() })
  const said = JSON.parse(Buffer.from(proof.extra!).toString()) as Record<string, unknown>
  expect(said).toMatchObject({ kind: 'snapshot', snapshot: id })
  return cosignaturesOf(note, asked.map(({ key }) => key)).map(({ key }) => key.name)
}

describe('validators elsewhere', () => {
  it('cosign a snapshot, and their proof can be checked with a policy alone', async () => {
    const asked = [await honest(1), await honest(2), await honest(3)]
    const who = electorate(3, asked)
    const { id, validatedBy } = await snapshot(who)
    expect(validatedBy).toEqual(['v1', 'v2', 'v3'])
    expect(await provenCosigners(id, asked)).toEqual(['validator.example/1', 'validator.example/2', 'validator.example/3'])
    const statements = await statementsOf(id)
    expect(statements).toContainEqual(expect.objectContaining({ validator: 'v1', accepts: true, checked: 'data', key: formatVkey(asked[0]!.key), host: new URL(asked[0]!.url).host }))
    expect(statements.some(statement => 'self' in statement)).toBe(false)
    const text = statements.find(statement => 'proof' in statement)!['proof'] as string
    const cosigned = cosignaturesOf(verifyProof(parseProof(text), { hash: leafHash(leafOfOpening(parseProof(text).extra!)), log: await logKey() }).note, asked.map(({ key }) => key))
    expect(quorumReached(who.policy!.quorum, cosigned.map(({ key }) => key))).toBe(true)
  })

  it('follow the log from snapshot to snapshot, and whoever joins later looks at all of it', async () => {
    const first = [await honest(1), await honest(2)]
    for (let n = 0; n < 3; n++) await snapshot(electorate(2, first))
    const all = [...first, await honest(3)]
    const { id } = await snapshot(electorate(3, all))
    expect(await provenCosigners(id, all)).toHaveLength(3)
    expect(await visible()).toHaveLength(4)
  })

  it('cosign two snapshots that are taken at once', async () => {
    const asked = [await honest(1), await honest(2), await honest(3)]
    const both = await Promise.all([snapshot(electorate(3, asked), { project: 'a' }), snapshot(electorate(3, asked), { project: 'b' })])
    for (const { id } of both) expect(await provenCosigners(id, asked)).toHaveLength(3)
    expect(await visible()).toHaveLength(2)
  })

  it('refuse a storage that was put back to an older copy, and so no snapshot comes', async () => {
    const who = electorate(1, [await honest(1)])
    await snapshot(who)
    const copy = await Array.fromAsync(backend.list(''), async ({ key }) => [key, await backend.get(key)] as const)
    await snapshot(who)
    await snapshot(who)
    for await (const { key } of backend.list('')) await backend.delete(key)
    for (const [key, bytes] of copy) await backend.put(key, bytes!)
    await repository.close()
    repository = await openRepository(backend)
    // At first it is smaller than what was cosigned; as it grows it is another log of the same size, and of more.
    const reasons: string[] = []
    for (let n = 0; n < 3; n++) reasons.push(await snapshot(who).then(() => 'made', (error: unknown) => isBackupError(error, 'QUORUM_NOT_REACHED') ? error.message : 'another error'))
    expect(reasons[0]).toContain('has cosigned a checkpoint of')
    expect(reasons[2]).toContain('answers 422: the checkpoint is not shown to extend')
    expect(reasons).not.toContain('made')
    expect(await visible()).toHaveLength(1)
  })
})

describe('of five validators, three of which must agree,', () => {
  it.each([...Object.keys(MISBEHAVIOURS), 'is down'].map((how, at, all) => [how, all[(at + 5) % all.length]!]))('two may be bad: one %s, the other %s', async (one, other) => {
    const good = [await honest(1), await honest(2), await honest(3)]
    const asked = [await bad(4, one), good[0]!, await bad(5, other), good[1]!, good[2]!]
    const { id, validatedBy } = await snapshot(electorate(3, asked))
    expect(validatedBy).toEqual(['v1', 'v2', 'v3'])
    expect(await provenCosigners(id, asked)).toEqual(['validator.example/1', 'validator.example/2', 'validator.example/3'])
    for (const name of ['v4', 'v5']) expect(await statementsOf(id)).toContainEqual(expect.objectContaining({ validator: name, accepts: false }))
  })

  it('three must not: nothing becomes visible, and the error names them', async () => {
    const asked = [await honest(1), await honest(2), await bad(3, 'cosigns another root'), await bad(4, 'does not answer'), await bad(5, 'is down')]
    const events = new BackupEmitter()
    const failed: ValidationFailed[] = []
    events.on('backup.validation.failed', event => failed.push(event))
    const error: unknown = await snapshot(electorate(3, asked, { validatorTimeoutMs: 1_500 }), { events }).catch((reason: unknown) => reason)
    if (!isBackupError(error, 'QUORUM_NOT_REACHED')) throw error
    for (const name of ['v3', 'v4', 'v5']) expect(error.message).toContain(`${name}: `)
    expect(error.message).toContain('accepted by v1, v2')
    expect(error.data).toMatchObject({ validatedBy: ['v1', 'v2'] })
    expect(await visible()).toEqual([])
    expect(failed).toMatchObject([{ code: 'QUORUM_NOT_REACHED' }])
    // The log goes on from there.
    const { id } = await snapshot(electorate(2, asked.slice(0, 2)))
    expect(await visible()).toEqual([id])
  })

  it('one that replays an old cosignature does not count', async () => {
    let old: string | undefined
    const replaying = await startMisbehaving(3, ({ text, signer, response }) => { response.end(old ??= formatSignature(cosign(text, signer, 1_700_000_000))) })
    running.push(replaying)
    const asked = [await honest(1), replaying]
    const { id } = await snapshot(electorate(2, asked))
    await expect(snapshot(electorate(2, asked))).rejects.toMatchObject({ code: 'QUORUM_NOT_REACHED', message: expect.stringContaining('v3: ') as unknown })
    expect(await visible()).toEqual([id])
  })
})

describe('the local validator', () => {
  it('cosigns with a key of the log, and says that it is a self-validation', async () => {
    const { id, validatedBy } = await snapshot({})
    expect(validatedBy).toEqual(['local'])
    const [verdict] = await statementsOf(id)
    expect(verdict).toMatchObject({ validator: 'local', accepts: true, checked: 'data', self: true })
    const key = parseVkey(verdict!['key'] as string)
    expect(key.name).toBe(`${logOrigin(repository)}/local`)
    expect(await provenCosigners(id, [{ name: 'local', key, url: '' }])).toEqual([key.name])
  })

  it('counts in a policy that has its key, beside others', async () => {
    const { id } = await snapshot({})
    const key = parseVkey((await statementsOf(id))[0]!['key'] as string)
    const other = await honest(1)
    const policy = parsePolicy(`witness me ${formatVkey(key)}\nwitness v1 ${formatVkey(other.key)} ${other.url}\ngroup g all me v1\nquorum g\n`)
    expect((await snapshot({ policy, validators: [remoteValidator(other)] })).validatedBy).toEqual(['local', 'v1'])
  })
})

describe('a quorum', () => {
  it('counts a key once, under however many names', async () => {
    const { key, url } = await honest(1)
    const validators = ['one', 'two', 'three'].map(name => remoteValidator({ name, key, url }))
    await expect(snapshot({ validators, threshold: 2 })).rejects.toMatchObject({ code: 'INVALID_OPTION' })
    expect((await snapshot({ validators, threshold: 1 })).validatedBy).toEqual(['one', 'three', 'two'])
  })

  it('does not count who looks at nothing but the log, though it keeps his cosignature', async () => {
    const [one, two] = [await honest(1), await honest(2)]
    const { policy } = electorate(2, [one, two])
    await expect(snapshot({ policy, validators: [remoteValidator(one), remoteValidator({ ...two, checks: 'log' })] })).rejects.toMatchObject({ code: 'QUORUM_NOT_REACHED', message: expect.stringContaining('v2: it checked only the log') as unknown })
  })

  it('that nobody can reach is refused, and so is one of nobody', async () => {
    const one = await honest(1)
    const { policy } = electorate(1, [one])
    await expect(snapshot({ policy, validators: [] })).rejects.toMatchObject({ code: 'INVALID_OPTION' })
    await expect(snapshot({ policy: parsePolicy('quorum none\n'), validators: [remoteValidator(one)] })).rejects.toMatchObject({ code: 'INVALID_OPTION' })
  })

  it('of a policy for another log is refused, with the line that is missing', async () => {
    const one = await honest(1)
    const { policy } = electorate(1, [one])
    const log = { key: { ...await snapshot({}).then(logKey), publicKey: Buffer.alloc(32, 1) } }
    await expect(snapshot({ policy: { ...policy!, logs: [log] }, validators: [remoteValidator(one)] })).rejects.toMatchObject({ code: 'CONFIG_INVALID', message: expect.stringContaining(`log ${formatVkey(await logKey())}`) as unknown })
  })
})
