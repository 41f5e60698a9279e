import { dirname, resolve } from 'node:path'
import type { Retention } from '../engine/retention.ts'
import { checkConfig } from './check-config.ts'
import { readConfigFile } from './config-file.ts'
import type { ConsensusConfig } from './open-electorate.ts'
import { cacheFolderOf, stateFolderOf } from './own-folders.ts'
import { projectSecret } from './project-secret.ts'
import { resolveSources } from './resolve-sources.ts'
import { sealingConfig } from './sealing-config.ts'
import type { SealingConfig } from './sealing-config.ts'
import type { Secret } from './secret.ts'
import { applySettings, environmentSettings, VARIABLES } from './settings.ts'
import type { Environment, Flags } from './settings.ts'
import type { SourceConfig } from './source-config.ts'

export interface LoadRequest {
  /** Path of a configuration file; else `CAF_CONFIG`, else the nearest one above `cwd`. */
  readonly file?: string | undefined
  readonly flags?: Flags
  readonly env: Environment
  readonly cwd: string
}

/** A whole configuration: checked, with every default put in and every path absolute. */
export interface Config {
  /** The file it came from, if any. */
  readonly file: string | undefined
  readonly repository: string
  readonly project: string
  readonly concurrency: number
  /** What archives are encrypted with and sealed repositories opened, if anything is named. */
  readonly secret: Secret | undefined
  readonly sealing: SealingConfig
  /** Of this host and user, for all repositories. */
  readonly cacheFolder: string
  /** Where this host remembers the newest checkpoint of each repository's log that it has seen. */
  readonly stateFolder: string
  readonly retention: Retention
  readonly consensus: ConsensusConfig
  readonly sources: readonly SourceConfig[]
}

/**
 * Puts the configuration together: flags over environment over file over defaults.
 * @throws {BackupError} `CONFIG_INVALID` naming the field
 */
export async function loadConfig ({ file: named, flags = {}, env, cwd }: LoadRequest): Promise<Config> {
  const file = await readConfigFile(cwd, named ?? (env['CAF_CONFIG'] === '' ? undefined : env['CAF_CONFIG']))
  const fromFile = checkConfig(file?.content ?? {}, file?.path ?? 'the configuration')
  const fromEnvironment = applySettings(fromFile, environmentSettings(env), { cwd, label: setting => VARIABLES[setting] })
  const config = applySettings(fromEnvironment, flags, { cwd, label: flagOf })
  const folder = file === undefined ? cwd : dirname(file.path)
  const { repository = '.backups', project = 'default', concurrency = 4, retention = {}, consensus: { policy, timeoutSeconds, logOnly = [] } = {} } = config
  const secret = projectSecret({ file: flags.secretFile, reference: config.secret, env, cwd, folder })
  const namesSecret = (flags.secretFile ?? config.secret) !== undefined
  const sealing = sealingConfig({ settings: config.sealing, namesSecret, env, folder, cwd })
  return {
    file: file?.path, repository: resolve(folder, repository), project, concurrency, secret, sealing, cacheFolder: cacheFolderOf(env), stateFolder: stateFolderOf(env), retention,
    consensus: { policy: policy === undefined ? undefined : resolve(folder, policy), timeoutMs: timeoutSeconds === undefined ? undefined : timeoutSeconds * 1_000, logOnly },
    sources: resolveSources(config, { folder, env }),
  }
}

function flagOf (setting: string): string {
  return `--${setting.replace(/[A-Z]/g, letter => `-${letter.toLowerCase()}`)}`
}
