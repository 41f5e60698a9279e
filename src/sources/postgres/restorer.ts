import type { Restorer } from '../source.ts'
import { InPlaceRestorer } from './restore-in-place.ts'
import { NewDatabaseRestorer } from './restore-new-database.ts'
import { restorerSettings } from './restore-options.ts'
import type { PostgresRestorerOptions } from './restore-options.ts'

export type { PostgresRestorerOptions } from './restore-options.ts'

/**
 * Brings the artifacts of a PostgreSQL source back into a database.
 * @throws {BackupError} `INVALID_OPTION`
 */
export function postgresRestorer (options: PostgresRestorerOptions): Restorer {
  const settings = restorerSettings(options)
  return settings.mode === 'create' ? new NewDatabaseRestorer(settings) : new InPlaceRestorer(settings)
}
