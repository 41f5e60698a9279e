import { cp, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { jsonLines, openWorkspace } from './workspace.ts'
import type { Workspace } from './workspace.ts'

interface Created { readonly id: string }

let workspace: Workspace
let first: string
let second: string
let logKey: string

beforeAll(async () => {
  workspace = await openWorkspace()
  await workspace.json('init')
  first = (await workspace.json<Created>('snapshot --description one')).id
  await cp(join(workspace.folder, 'backups'), join(workspace.folder, 'older'), { recursive: true })
  await writeFile(join(workspace.folder, 'storage/new.txt'), 'new')
  second = (await workspace.json<Created>('snapshot --description two')).id
  await workspace.here(`forget ${first} --yes`)
  logKey = (await workspace.json<{ logKey: string }>(`prove ${second} --output two.tlog-proof`)).logKey
})
afterAll(async () => { await workspace[Symbol.asyncDispose]() })

describe('caf log', () => {
  it('shows what was done, as a table', async () => {
    const { status, stdout } = await workspace.here('log')
    expect(status).toBe(0)
    expect(stdout.split('\n').map(line => line.trim().split(/\s{2,}/)[2])).toEqual(['act', 'created', 'snapshot', 'committed', 'snapshot', 'committed', 'forgotten', undefined])
    expect(stdout).toContain(second.slice(0, 12))
  })

  it('prints a line of JSON for each leaf', async () => {
    const lines = jsonLines((await workspace.here('log --json')).stdout)
    expect(lines.map(({ index }) => index)).toEqual([0, 1, 2, 3, 4, 5])
    expect(lines[1]).toMatchObject({ leaf: expect.stringMatching(/^[0-9a-f]{64}$/) as unknown, hash: expect.stringMatching(/^[0-9a-f]{64}$/) as unknown, opening: { kind: 'snapshot', snapshot: first } })
    expect(lines[1]!['opening']).toHaveProperty('traceId', (lines[2]!['opening'] as { traceId: string }).traceId)
  })

  it('chooses by kind and time', async () => {
    expect(jsonLines((await workspace.here('log --json --kind forgotten')).stdout)).toMatchObject([{ opening: { snapshot: first } }])
    expect((await workspace.here('log --since 2999-01-01')).stdout).toBe('nothing\n')
    expect(await workspace.here('log --since yesterday')).toMatchObject({ status: 2 })
    expect(await workspace.here('log --kind eaten')).toMatchObject({ status: 2 })
  })

  it('checks itself', async () => {
    expect(await workspace.here('log --verify')).toMatchObject({ status: 0, stdout: expect.stringMatching(/^the log is intact: 6 leaves, root [0-9a-f]{16}\n$/) as unknown })
    expect(await workspace.json('log --verify')).toMatchObject({ ok: true, size: 6 })
  })
})

describe('caf verify --proof', () => {
  const proof = (): string => join(workspace.folder, 'two.tlog-proof')

  it('checks a proof with nothing but a key', async () => {
    const { status, stdout } = await workspace.caf(`verify --proof ${proof()} --log-key ${logKey} --repository /nowhere`)
    expect([status, stdout]).toEqual([0, expect.stringContaining('none to compare with')])
    expect(await workspace.here(`verify --proof ${proof()} --repository nowhere`)).toMatchObject({ status: 2 })
  })

  it('says that the repository has the snapshot', async () => {
    expect(await workspace.json(`verify --proof ${proof()} --log-key ${logKey}`)).toMatchObject({ ok: true, trusted: true, opening: { snapshot: second }, snapshots: [{ snapshot: second, state: 'visible' }] })
    expect(await workspace.json(`verify --proof ${proof()}`)).toMatchObject({ trusted: false })
  })

  it('refuses a proof that was changed, and one of another log', async () => {
    const text = await readFile(proof(), 'utf8')
    const [, extra] = /^extra (.*)$/m.exec(text)!
    const opening = Buffer.from(extra!, 'base64').toString().replace('notes', 'other')
    await writeFile(join(workspace.folder, 'forged'), text.replace(extra!, Buffer.from(opening).toString('base64')))
    expect(await workspace.here(`verify --proof ${join(workspace.folder, 'forged')} --log-key ${logKey}`)).toMatchObject({ status: 3, stderr: expect.stringContaining('PROOF_INVALID') as unknown })
    const otherKey = 'example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k'
    expect(await workspace.here(`verify --proof ${proof()} --log-key ${otherKey}`)).toMatchObject({ status: 3 })
    expect(await workspace.here(`verify --proof ${proof()} --log-key nonsense`)).toMatchObject({ status: 3 })
    expect(await workspace.here('verify --proof nowhere')).toMatchObject({ status: 2 })
    expect(await workspace.here(`verify --log-key ${logKey}`)).toMatchObject({ status: 2 })
  })

  it('checks cosignatures against a policy', async () => {
    const policy = join(workspace.folder, 'policy')
    await writeFile(policy, `log ${logKey}\nquorum none\n`)
    expect(await workspace.json(`verify --proof ${proof()} --policy ${policy}`)).toMatchObject({ ok: true, cosignedBy: [] })
    await writeFile(policy, `log ${logKey}\nwitness w witness.example.com/w1+8d66cf3f+BCnVvQ0k7vq2yZ9vQk2mQkKv7bq9nJb0Zg4m5r1u4K8=\nquorum w\n`)
    expect((await workspace.here(`verify --proof ${proof()} --policy ${policy}`)).status).not.toBe(0)
  })

  it('tells a storage that was rolled back, also by the proof alone', async () => {
    const rolled = await workspace.here(`verify --proof ${proof()} --repository older`)
    expect(rolled).toMatchObject({ status: 3, stderr: expect.stringContaining('LOG_ROLLED_BACK') as unknown })
    await rm(join(workspace.folder, '.state'), { recursive: true })
    expect(await workspace.here(`verify --proof ${proof()} --log-key ${logKey} --repository older`)).toMatchObject({ status: 3, stderr: expect.stringContaining('LOG_ROLLED_BACK') as unknown })
    expect(await workspace.here('verify --repository older')).toMatchObject({ status: 0 })
  })

  it('tells a snapshot that was silently deleted', async () => {
    await cp(join(workspace.folder, 'backups'), join(workspace.folder, 'robbed'), { recursive: true })
    await rm(join(workspace.folder, 'robbed/outcomes', second))
    expect(await workspace.here(`verify --proof ${proof()} --log-key ${logKey} --repository robbed`)).toMatchObject({ status: 3, stderr: expect.stringContaining('LOG_MISMATCH') as unknown })
    expect(await workspace.here('log --verify --repository robbed')).toMatchObject({ status: 3, stdout: expect.stringContaining('has vanished') as unknown })
  })

  it('tells that a snapshot was forgotten as it should be', async () => {
    await workspace.here(`forget ${second} --yes`)
    expect(await workspace.json(`verify --proof ${proof()} --log-key ${logKey}`)).toMatchObject({ snapshots: [{ state: 'forgotten' }] })
  })
})
