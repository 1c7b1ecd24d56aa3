alter table audit drop column key_id;
