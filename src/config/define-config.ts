import type { CafConfig } from './config-schema.ts'

/** Gives `caf.config.ts` its types: `export default defineConfig({ … })`. */
export function defineConfig (config: CafConfig): CafConfig {
  return config
}
