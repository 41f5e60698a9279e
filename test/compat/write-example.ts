/**
 * Makes `.backups-example/`, a small repository of format 1 that every later version must open.
 *   node test/compat/write-example.ts <folder>
 * Run it only to make an example for a new format; the one that is committed stays as it is.
 */
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { createRepository } from '../../src/cas/repository.ts'
import { createSnapshot } from '../../src/engine/snapshot.ts'
import { AgentOutputs } from '../../src/sources/agents/agent-outputs.ts'
import { directoryBackend } from '../../src/storage/directory-backend.ts'
import { facts } from './facts.ts'

const [folder] = process.argv.slice(2)
if (folder === undefined) throw new Error('name the folder to make')
const repository = await createRepository(directoryBackend(folder), { cacheFolder: false })
const outputs = new AgentOutputs()
outputs.add({ id: 'plan', value: { steps: ['listen', 'answer'] }, agentId: 'aiko', designIntent: 'show an agent output', userRequirement: 'an example that opens for ever' })
outputs.add({ id: 'answer', value: 'hello', deps: ['plan'], agentId: 'ryu' })
await createSnapshot(repository, { sources: [facts(20_000, 1_000_000), outputs], description: 'the first day', tags: ['example'], project: 'example' })
outputs.add({ id: 'answer', value: 'hello again', deps: ['plan'], agentId: 'ryu' })
await createSnapshot(repository, { sources: [facts(20_100, 997), outputs], description: 'the second day', tags: ['example'], project: 'example' })
await repository.close()
await rm(join(folder, 'sessions'), { recursive: true }) // They are over, and name the host.
