import type { Command } from 'commander'
import type { Config } from '../config/load-config.ts'
import type { OpenConfig } from '../config/open-config.ts'
import type { Flags } from '../config/settings.ts'
import { EXIT } from './exit-status.ts'
import type { ExitStatus } from './exit-status.ts'
import { Output } from './output.ts'
import { progressDisplay } from './progress-display.ts'
import type { ProgressDisplay, ProgressMode } from './progress-display.ts'
import type { Terminal } from './terminal.ts'

/** The options that every command takes; see `addGlobalOptions`. */
export interface GlobalOptions extends Flags {
  readonly config?: string
  readonly json?: true
  readonly verbose?: true
  readonly progress: ProgressMode
}

export interface Opened extends OpenConfig {
  readonly config: Config
  readonly progress: ProgressDisplay
}

/** What commands share: where they print, what stops them, and how they come to their configuration and repository. */
export class Cli {
  readonly terminal: Terminal
  readonly signal: AbortSignal
  /** What the process ends with if nothing is thrown. */
  status: ExitStatus = EXIT.ok
  #globals: GlobalOptions = { progress: 'auto' }
  #output: Output

  constructor (terminal: Terminal, signal: AbortSignal) {
    this.terminal = terminal
    this.signal = signal
    this.#output = new Output(terminal.stdout, { json: false, compact: false })
  }

  get mode (): { readonly json: boolean, readonly verbose: boolean } {
    return { json: this.#globals.json === true, verbose: this.#globals.verbose === true }
  }

  get output (): Output {
    return this.#output
  }

  /** Takes over the global options as soon as they are parsed. */
  begin (command: Command): void {
    this.#globals = command.optsWithGlobals<GlobalOptions>()
    const { json, progress } = this.#globals
    this.#output = new Output(this.terminal.stdout, { json: json === true, compact: progress === 'json' })
  }

  async config (): Promise<Config> {
    const { loadConfig } = await import('../config/load-config.ts')
    const { config: file, ...flags } = this.#globals
    const { env, cwd } = this.terminal
    return await loadConfig({ file, flags, env, cwd })
  }

  /** Opens what the configuration names for the time of `act`, and shows progress meanwhile. */
  async withRepository<T> (act: (opened: Opened) => Promise<T>): Promise<T> {
    const { openFromConfig } = await import('../config/open-config.ts')
    const config = await this.config()
    const opened = await openFromConfig(config, { signal: this.signal })
    const progress = await progressDisplay(this.terminal.stderr, { mode: this.#globals.progress, output: this.output })
    try {
      return await act({ ...opened, config, progress })
    } finally {
      progress.stop()
      await opened.close()
    }
  }
}
