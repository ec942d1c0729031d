/** Puts the page together: words, routes, sound, and the one store that follows the centre. */

import { createApp } from "vue";

import App from "./App.vue";
import { beginRenewal } from "./centre/renewal";
import { begin } from "./centre/store";
import "./look/tokens.css";
import "./look/page.css";
import { routes } from "./routes";
import { beginSound } from "./sound";
import { language, speak, words } from "./words";

speak(language());
begin();
beginRenewal();
beginSound();
createApp(App).use(words).use(routes).mount("#page");
