import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { AgentOutputs } from '../../../src/sources/agents/agent-outputs.ts'
import { canonicalJson, parseCanonicalJson } from '../../../src/sources/agents/canonical-json.ts'
import { collect } from '../../../src/stream.ts'
import { sourceCompliance } from '../../compliance/source.ts'

function someOutputs (): AgentOutputs {
  const outputs = new AgentOutputs()
  outputs.add({ id: 'plan', value: { steps: ['listen', 'answer'], budget: 3 }, agentId: 'aiko', designIntent: 'answer kindly', userRequirement: 'be heard' })
  outputs.add({ id: 'answer', value: 'hello', deps: ['plan', 'postgres/rows/public.users'], agentId: 'ryu', traceId: 'trace-1' })
  return outputs
}

describe('agent outputs', () => {
  sourceCompliance(async () => ({ source: someOutputs() }))

  it('name other outputs by their short ids and other nodes by their full ones', async () => {
    const capture = await someOutputs().capture()
    const artifacts = await Array.fromAsync(capture.artifacts())
    expect(artifacts.map(({ id, deps }) => ({ id, deps }))).toEqual([
      { id: 'agents/output/plan', deps: [] },
      { id: 'agents/output/answer', deps: ['agents/output/plan', 'postgres/rows/public.users'] },
    ])
    expect(artifacts[1]?.provenance).toMatchObject({ agentId: 'ryu', traceId: 'trace-1', agentRole: 'agent' })
  })

  it('keep the value as it was when it was added', async () => {
    const outputs = new AgentOutputs()
    const value = { list: [1] }
    outputs.add({ id: 'x', value })
    value.list.push(2)
    expect(outputs.get('x')).toEqual({ list: [1] })
    const [artifact] = await Array.fromAsync((await outputs.capture()).artifacts())
    if (artifact?.content.form !== 'bytes') throw new Error('an output is bytes')
    expect(Buffer.from(await collect(artifact.content.read(), { limit: 100 })).toString()).toBe('{"list":[1]}')
  })

  it.each([
    ['undefined', { a: undefined }, '$.a'], ['a bigint', [1n], '$[0]'], ['NaN', { a: [NaN] }, '$.a[0]'], ['a date', { at: new Date(0) }, '$.at'], ['a function', () => 1, '$'],
  ])('refuse %s and say where it is', (_name, value, path) => {
    expect(() => new AgentOutputs().add({ id: 'x', value })).toThrow(expect.objectContaining({ code: 'INVALID_OPTION', data: { path } }))
  })

  it('refuse a value that contains itself', () => {
    const value: Record<string, unknown> = {}
    value['self'] = value
    expect(() => new AgentOutputs().add({ id: 'x', value })).toThrow(expect.objectContaining({ code: 'INVALID_OPTION' }))
  })
})

describe('canonical JSON', () => {
  it('is the same whatever the order of the members, and reads back equal', () => {
    fc.assert(fc.property(fc.dictionary(fc.string(), fc.jsonValue()), record => {
      const reversed = Object.fromEntries(Object.entries(record).reverse())
      expect(canonicalJson(reversed)).toEqual(canonicalJson(record))
      expect(parseCanonicalJson(canonicalJson(record))?.value).toEqual(JSON.parse(JSON.stringify(record)))
    }))
  })

  it('is recognised only when it is canonical', () => {
    expect(parseCanonicalJson(Buffer.from('{"a":1,"b":2}'))).toEqual({ value: { a: 1, b: 2 } })
    for (const text of ['{"b":2,"a":1}', '{"a": 1}', '[1', 'plain', '1.0']) expect(parseCanonicalJson(Buffer.from(text))).toBeUndefined()
  })
})
