import { listCollections } from '../sources/qdrant/collection-state.ts'
import { connectQdrant } from '../sources/qdrant/connection.ts'
import type { AbortOptions } from '../stream.ts'
import type { Found } from './diagnosis.ts'
import type { QdrantConfig } from './source-config.ts'

/** Does the server answer, does it take our key, and has it what is asked of it? */
export async function * diagnoseQdrant ({ url, apiKey, collections }: QdrantConfig, options: AbortOptions): AsyncGenerator<Found> {
  const server = connectQdrant({ url, apiKey: await apiKey?.reveal() })
  const { version } = await server.request('asking for the version', client => client.versionInfo(), options)
  const present = await listCollections(server, options)
  yield { status: 'ok', text: `Qdrant ${version} at ${server.location} has ${present.length} collections` }
  const missing = collections?.filter(name => !present.includes(name)) ?? []
  if (missing.length > 0) yield { status: 'failed', code: 'SOURCE_MISSING', text: `it has no collection ${missing.join(', ')}` }
}
