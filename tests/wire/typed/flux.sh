# submit
curl --location 'https://api.segmind.com/finetune/request/submit' \
--header 'x-api-key: YOUR_API_KEY' \
--header 'Content-Type: application/json' \
--data '{
"name": "fluxtest1",
"data_source_path": "https://finetune-pipeline.s3.amazonaws.com/uploads/b15e76a9-0037-4fcf-8522-fdaab460e206/54c7783e-7ac4-437d-a449-89a2613f1dc8-1MAN-Man-Dec-2023.zip",
"instance_prompt": "1MAN, running in brown suit",
"trigger_word": "1MAN",
"base_model": "FLUX",
"train_type": "LORA",
"machine_type": "NVIDIA_A100_40GB",
"theme": "FLUX",
"segmind_public": false,
"advance_parameters": {
"auto_caption": true,
"batch_size": 2,
"bucket_steps": 64,
"center_crop": false,
"content_or_style": "balanced",
"gradient_accumulation_steps": 2,
"learning_rate": 0.0004,
"linear": 16,
"linear_alpha": 16,
"lora_rank": 128,
"lr_scheduler": "constant",
"max_grad_norm": 0,
"noise_offset": 0,
"num_train_epochs": 1000,
"optimizer_type": "Adafactor",
"prompt": "driving a truck",
"relative_step": false,
"repeats": 100,
"resolution": 1024,
"steps": 1000,
"weight_decay": 0.01
}
}'
# list
curl --location 'https://api.segmind.com/finetune/request/list' \
--header 'x-api-key: YOUR_API_KEY'
# place
curl --location --request GET 'https://api.segmind.com/finetune/request/upload/pre-signed-url' \
--header 'x-api-key: YOUR_API_KEY' \
--header 'Content-Type: application/json' \
--data '{
"name": "NAME_OF_THE_FILE"
}'
# access
curl --location --request PUT 'https://api.segmind.com/finetune/request/access-update' \
--header 'x-api-key: YOUR_API_KEY' \
--form 'request_id="FINETUNE_REQUEST_ID"' \
--form 'segmind_public="True"'
# download
curl --location --request GET 'https://api.segmind.com/finetune/request/file/download' \
--header 'x-api-key: YOUR_API_KEY' \
--form 'cloud_storage_url="CLOUD_STORAGE_URL"'
