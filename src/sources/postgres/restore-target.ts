import { isBackupError } from '../../errors.ts'
import type { AbortOptions } from '../../stream.ts'
import type { Artifact, Capture, Source } from '../source.ts'

/**
 * What a target holds, as a capture of it shows, opened when it is first asked for. It holds connections and locks until closed.
 * Its contents may be read more than once: a PostgreSQL source reads anew each time.
 */
export class TargetState {
  readonly #source: Source
  #opened: Promise<OpenState | undefined> | undefined

  constructor (source: Source) {
    this.#source = source
  }

  /** The target's artifact of that id; undefined if there is none, or no such database. */
  async artifact (id: string, options: AbortOptions = {}): Promise<Artifact | undefined> {
    this.#opened ??= this.#open(options)
    return (await this.#opened)?.artifacts.get(id)
  }

  /** Safe to call twice; it can be asked again afterwards, and then looks again. */
  async close (): Promise<void> {
    const opened = this.#opened
    this.#opened = undefined
    await (await opened?.catch(() => undefined))?.capture.close()
  }

  async #open (options: AbortOptions): Promise<OpenState | undefined> {
    let capture: Capture | undefined
    try {
      capture = await this.#source.capture(options)
      const artifacts = await Array.fromAsync(capture.artifacts(options))
      return { capture, artifacts: new Map(artifacts.map(artifact => [artifact.id, artifact])) }
    } catch (error) {
      await capture?.close()
      if (isBackupError(error, 'SOURCE_MISSING')) return undefined
      throw error
    }
  }
}

interface OpenState {
  readonly capture: Capture
  readonly artifacts: ReadonlyMap<string, Artifact>
}
