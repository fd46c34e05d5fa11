// Turns the printed schema and an app's operations into TypeScript types: npx graphql-codegen
import type { CodegenConfig } from '@graphql-codegen/cli';

const config: CodegenConfig = {
  schema: 'schema.graphql',
  documents: ['src/**/*.{graphql,ts}'],
  generates: {
    'src/gql/': {
      preset: 'client',
      config: {
        strictScalars: true,
        scalars: { Cursor: 'string', Date: 'string', DateTime: 'string', Decimal: 'string', JSON: 'unknown' },
        useTypeImports: true,
      },
    },
  },
};

export default config;
