import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { SpanStatusCode, trace } from '@opentelemetry/api'
import { BasicTracerProvider, InMemorySpanExporter, SimpleSpanProcessor } from '@opentelemetry/sdk-trace-base'
import type { ReadableSpan } from '@opentelemetry/sdk-trace-base'
import { afterAll, afterEach, beforeEach, expect, it } from 'vitest'
import { createRepository } from '../../src/cas/repository.ts'
import type { Repository } from '../../src/cas/repository.ts'
import { exportArchive } from '../../src/engine/export.ts'
import { collectGarbage } from '../../src/engine/garbage.ts'
import { importArchive } from '../../src/engine/import.ts'
import { restoreSnapshot } from '../../src/engine/restore.ts'
import { createSnapshot } from '../../src/engine/snapshot.ts'
import { verifyRepository } from '../../src/engine/verify.ts'
import { AgentOutputs } from '../../src/sources/agents/agent-outputs.ts'
import { memoryBackend } from '../../src/storage/memory-backend.ts'

const exporter = new InMemorySpanExporter()
const provider = new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] })
trace.setGlobalTracerProvider(provider)

let folder: string
let repository: Repository
const outputs = new AgentOutputs()
outputs.add({ id: 'plan', value: ['listen', 'answer'] })

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'caf-span-'))
  repository = await createRepository(memoryBackend())
  exporter.reset()
})
afterEach(async () => {
  await repository.close()
  await rm(folder, { recursive: true })
})
afterAll(async () => {
  await provider.shutdown()
  trace.disable()
})

function span (name: string): ReadableSpan {
  const found = exporter.getFinishedSpans().filter(each => each.name === name)
  expect(found).toHaveLength(1)
  return found[0]!
}

it('has a span for each act, with its operation, snapshot and bytes', async () => {
  const { id, sizeBytes } = await createSnapshot(repository, { sources: [outputs], description: '', traceId: 't1' })
  expect(span('caf.snapshot').attributes).toMatchObject({ 'caf.trace_id': 't1', 'caf.snapshot.id': id, 'caf.bytes': sizeBytes })
  const file = join(folder, 'x.caf')
  await exportArchive(repository, id, file, { traceId: 't2' })
  expect(span('caf.export').attributes).toMatchObject({ 'caf.trace_id': 't2', 'caf.snapshot.id': id })
  const imported = await importArchive(repository, file, { traceId: 't3' })
  expect(span('caf.import').attributes).toMatchObject({ 'caf.trace_id': 't3', 'caf.snapshot.id': imported.id, 'caf.bytes': imported.sizeBytes })
  await restoreSnapshot(repository, id, { restorers: [], traceId: 't4' })
  expect(span('caf.restore').attributes).toMatchObject({ 'caf.trace_id': 't4', 'caf.snapshot.id': id })
  await collectGarbage(repository, { traceId: 't5' })
  expect(span('caf.gc').attributes).toMatchObject({ 'caf.trace_id': 't5', 'caf.bytes': 0 })
  expect(exporter.getFinishedSpans().every(({ status }) => status.code !== SpanStatusCode.ERROR)).toBe(true)
})

it('ends the span of a verification with it, also when nobody waits for its end', async () => {
  await createSnapshot(repository, { sources: [outputs], description: '' })
  for await (const finding of verifyRepository(repository, { traceId: 't6', readData: 'all' })) expect(finding).toBeUndefined()
  expect(span('caf.verify').attributes).toMatchObject({ 'caf.trace_id': 't6', 'caf.packs': 1 })
  exporter.reset()
  await repository.backend.put('outcomes/ffffffffffffffffffffffffffffffff', Buffer.from('damaged'))
  for await (const _ of verifyRepository(repository, { traceId: 't7' })) break
  expect(span('caf.verify').attributes).toMatchObject({ 'caf.trace_id': 't7' })
})

it('records what failed', async () => {
  await expect(createSnapshot(repository, { sources: [outputs, outputs], description: '' })).rejects.toMatchObject({ code: 'INVALID_OPTION' })
  const { status, events } = span('caf.snapshot')
  expect(status.code).toBe(SpanStatusCode.ERROR)
  expect(events.map(({ name }) => name)).toEqual(['exception'])
})
