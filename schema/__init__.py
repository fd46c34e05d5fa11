"""The GraphQL contract: types, scalars, descriptions and refusals; it binds resolvers, only the app imports it."""
