import { setTimeout as delay } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import { isBackupError } from '../../src/errors.ts'
import { signCheckpoint } from '../../src/trust/log/checkpoint.ts'
import { cosign } from '../../src/trust/log/cosignature.ts'
import { noteSigner } from '../../src/trust/log/note-key.ts'
import { formatNote, formatSignature, parseNote } from '../../src/trust/log/signed-note.ts'
import { poll, reachConsensus } from '../../src/trust/quorum.ts'
import type { Proposal, Validator, Verdict } from '../../src/trust/validator.ts'
import { witnessSigner } from './sample-log.ts'

/** Validators without keys look at nothing of it. */
const PROPOSAL = {} as Proposal

const yes = (name: string): Verdict => ({ validator: name, accepts: true, checked: 'data', blobs: 1, errors: [] })
const validator = (name: string, validate: Validator['validate'] = async () => yes(name)): Validator => ({ name, validate })
const never = async (): Promise<Verdict> => await new Promise<Verdict>(() => undefined)

describe('a poll', () => {
  it('needs all by default, and as many as the threshold says', async () => {
    const no = validator('b', async () => ({ ...yes('b'), accepts: false, errors: ['torn'] }))
    await expect(reachConsensus([validator('a'), no], PROPOSAL)).rejects.toMatchObject({ code: 'QUORUM_NOT_REACHED', message: expect.stringContaining('b: torn') as unknown })
    expect(await reachConsensus([validator('a'), no], PROPOSAL, { threshold: 1 })).toMatchObject({ validatedBy: ['a'] })
  })

  it('refuses a quorum that is always or never there', async () => {
    for (const threshold of [0, 3, -1, NaN]) await expect(reachConsensus([validator('a'), validator('b')], PROPOSAL, { threshold })).rejects.toMatchObject({ code: 'INVALID_OPTION' })
    await expect(reachConsensus([validator('a'), validator('a')], PROPOSAL, { threshold: 2 })).rejects.toMatchObject({ code: 'INVALID_OPTION' })
    await expect(reachConsensus([], PROPOSAL)).rejects.toMatchObject({ code: 'INVALID_OPTION' })
  })

  it('does not wait for one that does not listen to the signal', async () => {
    const { reached, verdicts } = await poll([validator('a'), validator('deaf', never)], PROPOSAL, { threshold: 1, graceMs: 5 })
    expect(reached).toBe(true)
    expect(verdicts[1]).toMatchObject({ accepts: false, errors: [expect.stringContaining('no answer in time') as unknown] })
    const none = await poll([validator('deaf', never)], PROPOSAL, { timeoutMs: 5 })
    expect(none.reached).toBe(false)
  })

  it('gives a local one the time that it takes', async () => {
    const slow = validator('slow', async () => await delay(50, yes('slow')))
    expect((await poll([slow], PROPOSAL, { timeoutMs: 5 })).reached).toBe(false)
    expect((await poll([{ ...slow, isLocal: true }], PROPOSAL, { timeoutMs: 5 })).reached).toBe(true)
  })

  it('tells those that are at work to stop', async () => {
    let stopped = false
    const attentive = validator('b', async (_, { signal } = {}) => await new Promise<Verdict>((_resolve, reject) => {
      signal!.addEventListener('abort', () => {
        stopped = true
        reject(new Error('stopped'))
      })
    }))
    await poll([validator('a'), attentive], PROPOSAL, { threshold: 1, graceMs: 5 })
    expect(stopped).toBe(true)
  })

  it('takes one that throws for one that could not look', async () => {
    const { verdicts } = await poll([validator('a', async () => { throw new Error('the disk is away') }), validator('b')], PROPOSAL, { threshold: 1, graceMs: 5 })
    expect(verdicts[0]).toMatchObject({ validator: 'a', accepts: false, errors: ['could not look: the disk is away'] })
  })

  it('knows a validator by its own name, whatever its verdict says', async () => {
    const { validatedBy } = await poll([validator('a', async () => yes('somebody else'))], PROPOSAL)
    expect(validatedBy).toEqual(['a'])
  })

  it('stops with the signal of who asks', async () => {
    const reason = new Error('enough')
    const controller = new AbortController()
    const asking = poll([validator('a', never)], PROPOSAL, { signal: controller.signal })
    controller.abort(reason)
    await expect(asking).rejects.toBe(reason)
    await expect(poll([validator('a')], PROPOSAL, { signal: AbortSignal.abort(reason) })).rejects.toBe(reason)
  })

  it('counts a key once, and a name once where there are no keys', async () => {
    const { key } = witnessSigner('one', 1)
    const keyed = (name: string): Validator => ({ ...validator(name), key })
    const error: unknown = await reachConsensus([keyed('a'), keyed('b'), validator('c')], PROPOSAL, { threshold: 3 }).catch((reason: unknown) => reason)
    expect(isBackupError(error, 'INVALID_OPTION')).toBe(true)
    expect((await reachConsensus([keyed('a'), keyed('b'), validator('c')], PROPOSAL)).validatedBy).toEqual(['a', 'b', 'c'])
  })

  it('counts one with a key only if the proposed checkpoint is cosigned by it', async () => {
    const [signer, other] = [witnessSigner('one', 1), witnessSigner('other', 2)]
    const log = noteSigner('example.com/log', Buffer.alloc(32, 3))
    const [proposed, older] = [2, 1].map(size => parseNote(signCheckpoint({ size, root: Buffer.alloc(32, size) }, log)))
    const proposal = { log: { checkpoint: formatNote(proposed!) } } as Proposal
    const votes = async (cosignature?: string): Promise<boolean> => {
      const verdict = { ...yes('a'), ...(cosignature === undefined ? {} : { cosignature }) }
      return (await poll([{ ...validator('a', async () => verdict), key: signer.key }], proposal)).reached
    }
    const right = formatSignature(cosign(proposed!.text, signer, 1_700_000_000))
    expect(await votes(right)).toBe(true)
    expect(await votes()).toBe(false)
    expect(await votes(formatSignature(cosign(older!.text, signer, 1_700_000_000)))).toBe(false)
    expect(await votes(formatSignature(cosign(proposed!.text, other, 1_700_000_000)))).toBe(false)
    expect(await votes(right.replace('one', 'two'))).toBe(false)
    expect(await votes('nonsense')).toBe(false)
  })
})
