// Turns the page's element and its data-endpoint attribute into a running GraphiQL.
import 'graphiql/setup-workers/vite';
import { createRoot } from 'react-dom/client';
import 'graphiql/style.css';
import '@graphiql/plugin-explorer/style.css';
import './page.css';
import { Page } from './page.jsx';

const endpoint = new URL(document.documentElement.dataset.endpoint, location.href);
createRoot(document.getElementById('page')).render(<Page endpoint={endpoint} />);
