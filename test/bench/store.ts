import { mkdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { Bed } from './bed.ts'
import type { Act, Contender } from './contender.ts'
import type { CountingProxy } from './counting-proxy.ts'
import { folderSize } from './folder-size.ts'
import { runMeasured } from './measured-process.ts'
import { environment } from './peers.ts'
import { cpuTimeMs } from './process-tree.ts'
import type { Measurement } from './results.ts'

/** An empty repository of one contender, with a cache of its own. */
export class Store {
  readonly contender: Contender
  readonly #bed: Bed
  readonly #folder: string
  readonly #env: Readonly<Record<string, string>>
  readonly #proxy: CountingProxy | undefined

  /** Through `proxy` the contender reaches PostgreSQL, if there is one. */
  constructor (contender: Contender, bed: Bed, folder: string, proxy?: CountingProxy) {
    const [store, cache] = [join(folder, 'store'), join(folder, 'cache')]
    this.contender = contender
    this.#bed = bed
    this.#folder = folder
    this.#proxy = proxy
    this.#env = {
      ...environment(), ...bed.env, ...contender.env, ...proxy === undefined ? {} : { PGPORT: String(proxy.port) },
      STORE: store, CACHE: cache, OUTPUT: this.output, HOME: cache,
      RESTIC_REPOSITORY: store, RESTIC_CACHE_DIR: cache, BORG_REPO: store, BORG_BASE_DIR: cache, XDG_CACHE_HOME: cache, CAF_STATE_DIR: join(cache, 'state'),
    }
  }

  /** What comes out: archives and restored files. */
  get output (): string {
    return join(this.#folder, 'output')
  }

  async make (): Promise<void> {
    for (const name of ['store', 'cache', 'output']) await mkdir(join(this.#folder, name), { recursive: true })
    if (this.contender.init !== undefined) await this.run(this.contender.init)
  }

  async remove (): Promise<void> {
    await rm(this.#folder, { recursive: true, force: true })
  }

  /** Runs a command that is not measured; what it prints. */
  async run (command: string, variables: Readonly<Record<string, string>> = {}): Promise<string> {
    const { stdout } = await runMeasured(command, { cwd: this.#folder, env: { ...this.#env, ...variables }, signal: this.#bed.signal })
    return stdout.trim()
  }

  async measure (act: Act, command: string, variables: Readonly<Record<string, string>> = {}): Promise<Measurement> {
    const sizeBefore = await this.#size()
    const serverBefore = await this.#serverReading(act)
    const sentBefore = this.#proxy?.sentBytes() ?? 0
    const { cost } = await runMeasured(command, { cwd: this.#folder, env: { ...this.#env, ...variables }, signal: this.#bed.signal })
    const serverAfter = await this.#serverReading(act)
    return {
      act, contender: this.contender.name, ...cost, addedBytes: await this.#size() - sizeBefore, ...this.#through(act),
      ...this.#proxy === undefined ? {} : { sentBytes: this.#proxy.sentBytes() - sentBefore },
      ...serverBefore === undefined || serverAfter === undefined ? {} : { serverCpuMs: serverAfter.cpuMs - serverBefore.cpuMs, serverReadBytes: serverAfter.bytes - serverBefore.bytes },
    }
  }

  #through (act: Act): { throughBytes?: number } {
    const { database, files } = this.#bed.bytes
    if (act === 'database/table' || act === 'files/collect') return {}
    return act.startsWith('database/') ? { throughBytes: database } : act.startsWith('files/') ? { throughBytes: files } : {}
  }

  async #size (): Promise<number> {
    return await folderSize(join(this.#folder, 'store'), this.contender.caches)
  }

  async #serverReading (act: Act): Promise<{ cpuMs: number, bytes: number } | undefined> {
    if (!act.startsWith('database/') || this.contender.snapshotDatabase === undefined) return undefined
    return await this.#bed.withDatabase('postgres', async client => {
      const { rows } = await client.query<{ pages: string }>('SELECT blks_hit + blks_read AS pages FROM pg_stat_database WHERE datname = $1', [this.#bed.env['PGDATABASE']])
      return { cpuMs: cpuTimeMs(this.#bed.serverPid), bytes: Number(rows[0]!.pages) * 8_192 }
    })
  }
}
