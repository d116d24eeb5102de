// Before the page is drawn: the theme that was chosen here, if one was; else the system's.
const chosen = localStorage.getItem("keybrake-theme");
if (chosen === "dark" || chosen === "light") document.documentElement.dataset.theme = chosen;
