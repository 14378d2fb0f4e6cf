"""The sickle-cell twin: hydroxyurea in, fetal haemoglobin, red cells, neutrophils and pain out."""
