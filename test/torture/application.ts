import { AgentOutputs } from '../../src/sources/agents/agent-outputs.ts'
import type { Artifact, Content, FileEntry, KeyColumn, Source } from '../../src/sources/source.ts'
import { bytesOf } from '../../src/stream.ts'
import type { Chance } from './chance.ts'
import { contentsOf } from './fingerprint.ts'
import type { Contents } from './fingerprint.ts'

const TABLES = ['facts', 'people']
const MATRICES = ['basis', 'mean', 'weights']
const FOLDERS = ['', 'docs/', 'docs/old/']
const COLUMNS = ['id', 'text']
const KEY: readonly KeyColumn[] = [{ order: 'integer' }]
const MICROSECOND = 1_000n

/** An application small enough to be compared whole after every step, with one of each form of content. */
export class Application {
  readonly outputs = new AgentOutputs()
  readonly #tables = new Map<string, Map<number, string>>()
  readonly #log: string[] = []
  readonly #matrices = new Map<string, Buffer>()
  readonly #files = new Map<string, FileEntry>()
  readonly #chance: Chance

  constructor (chance: Chance) {
    this.#chance = chance
    for (const table of TABLES) this.#tables.set(table, new Map(Array.from({ length: 40 }, (_, id) => [id, chance.text(60)])))
    for (const name of MATRICES) this.#matrices.set(name, chance.bytes(3_000))
    for (let i = 0; i < 6; i++) this.change()
  }

  get sources (): readonly Source[] {
    return [memorySource('app', () => this.#artifacts()), memorySource('files', () => [this.#tree()]), this.outputs]
  }

  /** What a snapshot taken now must hold. */
  async contents (): Promise<Contents> {
    const all = new Map<string, string>()
    for (const source of this.sources) {
      const capture = await source.capture()
      for (const [id, hash] of await contentsOf(capture.artifacts())) all.set(id, hash)
    }
    return all
  }

  /** Something happens in the application. Returns what. */
  change (): string {
    const changes = [() => this.#changeRows(), () => this.#changeRows(), () => this.#changeMatrix(), () => this.#changeFile(), () => this.#changeFile(), () => this.#changeOutput(), () => this.#addToLog()]
    return this.#chance.pick(changes)!()
  }

  #changeRows (): string {
    const table = this.#chance.pick(TABLES)!
    const rows = this.#tables.get(table)!
    const id = this.#chance.below(120)
    if (rows.has(id) && this.#chance.oneIn(3)) rows.delete(id)
    else rows.set(id, this.#chance.text(this.#chance.oneIn(12) ? 70_000 : 20 + this.#chance.below(400))) // now and then a value out of line
    return `${table} ${id}`
  }

  #addToLog (): string {
    this.#log.push(this.#chance.text(50))
    if (this.#log.length > 30) this.#log.splice(0, 20)
    return 'log'
  }

  #changeMatrix (): string {
    const name = this.#chance.pick(MATRICES)!
    const bytes = Buffer.from(this.#matrices.get(name)!)
    if (this.#chance.oneIn(3)) this.#matrices.set(name, this.#chance.bytes(this.#chance.below(40_000)))
    else this.#matrices.set(name, Buffer.concat([bytes.subarray(0, bytes.length / 2), this.#chance.bytes(8), bytes.subarray(bytes.length / 2)]))
    return `matrix ${name}`
  }

  #changeFile (): string {
    const path = `${this.#chance.pick(FOLDERS)!}${this.#chance.below(6)}.txt`
    if (this.#files.has(path) && this.#chance.oneIn(3)) this.#files.delete(path)
    else this.#files.set(path, this.#newFile(path))
    return `file ${path}`
  }

  #newFile (path: string): FileEntry {
    const bytes = this.#chance.bytes(this.#chance.pick([0, 1, 500, 20_000])!)
    return { path, type: 'file', mode: this.#chance.pick([0o600, 0o644, 0o755])!, ...this.#facts(), sizeBytes: bytes.length, read: () => bytesOf(bytes) }
  }

  #facts (): Pick<FileEntry, 'mtimeNs' | 'uid' | 'gid'> {
    return { mtimeNs: 1_700_000_000_000_000_000n + BigInt(this.#chance.below(1_000_000_000)) * MICROSECOND, uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 }
  }

  #changeOutput (): string {
    const id = `plan ${this.#chance.below(5)}`
    const before = this.outputs.ids().filter(other => other < id)
    if (this.outputs.get(id) !== undefined && this.#chance.oneIn(3)) this.outputs.remove(id)
    else this.outputs.add({ id, value: { steps: this.#chance.text(this.#chance.below(3_000)) }, deps: before.slice(0, 2) })
    // What another output was made from stays: a dep that is gone is refused, and rightly.
    if (this.outputs.get(id) === undefined) for (const other of this.outputs.ids()) this.outputs.add({ id: other, value: this.outputs.get(other) ?? null })
    return `output ${id}`
  }

  * #artifacts (): Generator<Artifact> {
    for (const [table, rows] of this.#tables) {
      const text = [...rows].sort(([a], [b]) => a - b).map(([id, value]) => `${id}\t${value}\n`).join('')
      yield rowsArtifact(table, { form: 'rows', layout: { columns: COLUMNS, key: KEY }, read: () => bytesOf(text) })
    }
    const log = this.#log.map(line => `${line}\n`).join('')
    yield rowsArtifact('log', { form: 'rows', layout: { columns: ['line'], key: [] }, read: () => bytesOf(log) })
    for (const [name, bytes] of this.#matrices) yield { id: `app/matrix/${name}`, kind: 'matrix', deps: [], attributes: { name }, content: { form: 'bytes', read: () => bytesOf(bytes) } }
  }

  #tree (): Artifact {
    const entries = new Map(this.#files)
    for (const path of this.#files.keys()) {
      for (let end = path.indexOf('/'); end >= 0; end = path.indexOf('/', end + 1)) entries.set(path.slice(0, end), FOLDER(path.slice(0, end)))
    }
    const sorted = [...entries.values()].sort((a, b) => Buffer.compare(Buffer.from(a.path), Buffer.from(b.path)))
    return { id: 'files/tree', kind: 'files', deps: [], attributes: {}, content: { form: 'files', async * entries () { yield * sorted } } }
  }
}

const FOLDER = (path: string): FileEntry => ({ path, type: 'directory', mode: 0o755, mtimeNs: 1_700_000_000_000_000_000n, uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0, sizeBytes: 0 })

function rowsArtifact (table: string, content: Content): Artifact {
  return { id: `app/rows/public.${table}`, kind: 'pg.rows', deps: [], attributes: { schema: 'public', table, columns: content.form === 'rows' ? [...content.layout.columns] : [] }, content }
}

/** A source of what `artifacts` gives at the moment of the capture. */
function memorySource (name: string, artifacts: () => Iterable<Artifact>): Source {
  return {
    name,
    async capture () {
      const captured = [...artifacts()]
      const time = '2026-11-21T00:00:00.000Z'
      return {
        async * artifacts () { yield * captured },
        finish: async () => ({ begin: time, end: time, facts: {}, notes: [] }),
        close: async () => {},
      }
    },
  }
}
