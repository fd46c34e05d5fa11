// The audit of GraphQL over HTTP by graphql-http: prints what came of each check, as JSON.
import { serverAudits } from 'graphql-http';

const audits = serverAudits({ url: process.env.GRAPHQL_URL, fetchFn: fetch });
const results = [];
for (const audit of audits) {
  const { status, reason } = await audit.fn();
  results.push({ id: audit.id, name: audit.name, status, reason });
}
console.log(JSON.stringify(results));
