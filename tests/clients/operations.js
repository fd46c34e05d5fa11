// Prints the operations of the dashboard, which a module holds as text, as one JSON list.
const module = await import(process.argv[2]);
console.log(JSON.stringify(Object.values(module).filter((value) => typeof value === 'string')));
