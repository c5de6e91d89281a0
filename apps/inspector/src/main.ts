import { mount } from "svelte";
import App from "./App.svelte";
import "./page/page.css";
import "./page/levels.css";
import "./replay/canvas.css";

mount(App, { target: document.getElementById("app")! });
