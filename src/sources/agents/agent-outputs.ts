import { BackupError } from '../../errors.ts'
import { bytesOf, collect } from '../../stream.ts'
import type { AbortOptions, Plain } from '../../stream.ts'
import type { Artifact, Capture, CaptureSummary, PrepareOptions, Problem, Provenance, Recipe, RestoreItem, Restorer, Source } from '../source.ts'
import { canonicalJson, parseCanonicalJson } from './canonical-json.ts'

/** What an agent made, and why. */
export interface AgentOutput extends Provenance {
  /** Unique among the outputs: 1 to 512 characters. */
  readonly id: string
  /** Any JSON-serialisable value. */
  readonly value: unknown
  /** Node ids, or ids of other outputs, that it was made from. @default none */
  readonly deps?: readonly string[]
  readonly recipe?: Recipe
}

interface Held extends Omit<AgentOutput, 'value'> {
  readonly bytes: Uint8Array
}

/** An output is held in memory until it is captured, and read back whole when it is restored. */
const LIMIT_BYTES = 64 * 1024 * 1024

/** The outputs that go into the next snapshot. A source, and the restorer that fills it again; an output stays until it is replaced or removed. */
export class AgentOutputs implements Source, Restorer {
  readonly name: string
  #outputs = new Map<string, Held>()
  #staged: Map<string, Held> | undefined

  /** @param name first part of the node ids */
  constructor (name = 'agents') {
    this.name = name
  }

  /**
   * Adds or replaces an output. The value is encoded now: changing it later changes nothing.
   * @returns the id of its node
   * @throws {BackupError} `INVALID_OPTION` when the value is not JSON, too large, or the id is empty
   */
  add ({ value, ...output }: AgentOutput): string {
    if (output.id === '' || output.id.length > 512) throw new BackupError('INVALID_OPTION', 'the id of an output has 1 to 512 characters', { data: { id: output.id } })
    const bytes = canonicalJson(value)
    if (bytes.length > LIMIT_BYTES) throw new BackupError('INVALID_OPTION', `output ${output.id} has ${bytes.length} bytes, ${LIMIT_BYTES} are allowed; store it as a file`, { data: { id: output.id } })
    this.#outputs.set(output.id, { ...output, bytes })
    return this.#nodeId(output.id)
  }

  /** The value of an output; undefined if there is none. */
  get (id: string): Plain | undefined {
    const held = this.#outputs.get(id)
    return held === undefined ? undefined : parseCanonicalJson(held.bytes)?.value
  }

  remove (id: string): boolean {
    return this.#outputs.delete(id)
  }

  ids (): string[] {
    return [...this.#outputs.keys()]
  }

  async capture ({ signal: aborted }: AbortOptions = {}): Promise<Capture> {
    aborted?.throwIfAborted()
    const outputs = [...this.#outputs.values()]
    const begin = new Date().toISOString()
    const artifacts = outputs.map(output => this.#artifact(output))
    return {
      async * artifacts ({ signal }: AbortOptions = {}) {
        for (const artifact of artifacts) {
          signal?.throwIfAborted()
          yield artifact
        }
      },
      finish: async (): Promise<CaptureSummary> => ({ begin, end: begin, facts: { outputs: outputs.length }, notes: [] }),
      close: async () => {},
    }
  }

  async check (): Promise<readonly Problem[]> {
    return []
  }

  async holds (item: RestoreItem): Promise<boolean> {
    const held = this.#outputs.get(String(item.attributes['output']))
    return held !== undefined && await item.matches({ form: 'bytes', read: options => bytesOf(held.bytes, options) })
  }

  /** @throws {BackupError} `NODE_INVALID` when a stored output is not canonical JSON */
  async prepare (items: readonly RestoreItem[], { signal, onItem }: PrepareOptions = {}): Promise<void> {
    const staged = new Map<string, Held>()
    for (const item of items) {
      const bytes = await collect(item.read({ signal }), { limit: LIMIT_BYTES })
      if (parseCanonicalJson(bytes) === undefined) throw new BackupError('NODE_INVALID', `${item.id} is not the JSON of an output`, { data: { id: item.id } })
      const id = String(item.attributes['output'])
      staged.set(id, { id, bytes, deps: item.deps })
      onItem?.(item)
    }
    this.#staged = staged
  }

  async commit (): Promise<void> {
    for (const [id, output] of this.#staged ?? []) this.#outputs.set(id, output)
    this.#staged = undefined
  }

  async abort (): Promise<void> {
    this.#staged = undefined
  }

  async close (): Promise<void> {}

  #nodeId (id: string): string {
    return `${this.name}/output/${id}`
  }

  #artifact ({ id, bytes, deps = [], recipe, ...provenance }: Held): Artifact {
    const ids = deps.map(dep => this.#outputs.has(dep) ? this.#nodeId(dep) : dep)
    return {
      id: this.#nodeId(id),
      kind: 'agent.output',
      deps: [...new Set(ids)].sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b))),
      attributes: { output: id },
      ...(recipe === undefined ? {} : { recipe }),
      provenance: { agentRole: 'agent', capability: 'output', ...provenance },
      content: { form: 'bytes', read: options => bytesOf(bytes, options) },
    }
  }
}
